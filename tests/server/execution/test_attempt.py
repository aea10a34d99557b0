"""A request on its way: what died is in doubt from its deadline on, and an end knows what it gives."""

from dataclasses import replace

from receipts.action.action import Action, Intent
from receipts.action.action_result import ActionResult
from receipts.store.transaction import Txn
from server.execution.attempt import PendingEnd, interrupted_attempt
from tests.receipts.making import BEFORE, action, told
from tests.server.engine import Engine


def intent_of(one: Action) -> Intent:
    digests = one.request.action_digest, one.request.target_digest
    return Intent(one.id, 1, 2, 1, 5, 9_000, 300, *digests, BEFORE, "rcp_1")


def nothing(txn: Txn) -> None:
    """No transition."""


def test_the_attempt_of_a_process_that_died_is_in_doubt() -> None:
    one = action()
    sent = interrupted_attempt(one, intent_of(one))
    assert sent.execution.delivery == "in_doubt"
    assert sent.execution.response is None
    assert (sent.execution.route, sent.execution.attempt) == (1, 2)
    assert sent.execution.fault == "the process that sent it died"
    assert sent.attempts == (sent.execution,)


def test_since_when_its_key_is_known_is_told_of_the_first_attempt_alone() -> None:
    one = action()
    assert interrupted_attempt(one, intent_of(one)).execution.keyed_since_ms is None
    first = replace(intent_of(one), attempt=1)
    assert interrupted_attempt(one, first).execution.keyed_since_ms == BEFORE.at_ms


def test_it_may_have_been_sent_until_its_deadline() -> None:
    one = action()
    sent = interrupted_attempt(one, intent_of(one))
    assert (sent.execution.started_ms, sent.execution.ended_ms) == (9_000, 9_000)
    assert sent.before is BEFORE
    assert sent.facts is None


def test_an_end_gives_its_outputs_to_later_steps() -> None:
    given = ActionResult(status="confirmed", summary="", next="", action_id=None, receipt_id=None, outputs={"id": "k"})
    assert PendingEnd(action(), "confirmed", given, nothing).outputs == {"id": "k"}
    assert PendingEnd(action(), "not_applied", told("not_applied"), nothing).outputs == {}


async def test_what_is_permitted_names_its_action(permissive: Engine) -> None:
    asked = permissive.action()
    ready = await permissive.permitted(asked)
    assert (ready.action.id, ready.action.request) == (asked.id, asked.request)
    assert ready.action.sentence is not None
    assert ready.action.sentence.text == "Set the record r1 from old"
    assert ready.basis == permissive.executor.basis
