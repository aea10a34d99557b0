"""What is asked of people: the lines that they are shown, the state that is pinned, and whose signature counts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.compiler.check import ABSENT
from contracts.hiding import Hiding
from policies.approval_document import Display
from policies.decision import ApprovalRequired
from receipts.action.action import Action
from server.execution.approval_request import (
    ApprovalReview,
    Circumstance,
    apart,
    approval_error,
    caller_of,
    needs_of,
    pinned,
    valid_approvals,
    value_digest,
)
from server.execution.decisions import ApprovalCount
from server.execution.resolved_action import ResolvedAction
from tests.policies.making import PROGRAMS, facts
from tests.server.engine import LEAD, PERMIT, Engine, engine


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


async def reviewed(made: Engine, action: Action) -> ApprovalReview:
    resolved = made.executor.resolve(action)
    assert isinstance(resolved, ResolvedAction)
    before = await made.executor.observe(resolved.permit)
    required = await made.executor.decisions.decide(resolved, before)
    assert isinstance(required, ApprovalRequired)
    return await made.live.pipeline.reviews.review(resolved, before, required)


def lines(display: Display) -> dict[str, tuple[str, str]]:
    return {line.label: (line.value, line.origin) for line in display.lines}


async def test_an_approver_is_shown_each_part_with_its_origin(guarded: Engine) -> None:
    action = guarded.action()
    asked = (await reviewed(guarded, replace(action, request=replace(action.request, reason="a ticket")))).asked
    assert lines(asked.display) == {
        "what will change": ("Set the record r1 from old", "contract"),
        "contract": ("set_value@1, risk low", "contract"),
        "where": ("records (prod, acme)", "gateway"),
        "who asked": ("ann, through the agent bot", "gateway"),
        "reason": ("a ticket", "agent"),
        "why you": ("lead-approves: 1 Lead must approve", "policy"),
        "if wrong": ('set_value takes it back: {"record":"r1","value":"old"}', "contract"),
        "input record": ("r1", "caller"),
        "input value": ("new", "caller"),
    }
    assert asked.subject.display_digest == asked.display.digest


async def test_an_approval_is_bound_to_the_state_that_was_seen(guarded: Engine) -> None:
    first = (await reviewed(guarded, guarded.action())).asked.subject
    assert set(first.pinned) == {"before.record.version"}
    guarded.records["r1"]["version"] = "7"
    second = (await reviewed(guarded, guarded.action())).asked.subject
    assert first.pinned != second.pinned


async def test_who_is_involved_does_not_count_nor_who_lost_the_role(guarded: Engine) -> None:
    answer = await guarded.live.pipeline.act(guarded.action())
    action = await guarded.journal.get(str(answer.action_id))
    assert action is not None
    review, keys = await reviewed(guarded, action), await guarded.journal.registry.keys()
    signed = await guarded.signed(action.id)
    now = Circumstance(keys, guarded.journal.store.now_ms(), frozenset({"Lead"}), frozenset())
    assert approval_error(guarded.release, action, review, signed, now) is None
    for code, other in {
        "wrong_role": replace(now, held=frozenset()),
        "self_approval": replace(now, authors=frozenset({"lead"})),
        "used": replace(now, spent=True),
        "unlinked_key": replace(now, keys={}),
    }.items():
        assert approval_error(guarded.release, action, review, signed, other) == code
    by_ann = guarded.sign(signed.binding.model_copy(update={"approver": "ann"}), "ann")
    assert approval_error(guarded.release, action, review, by_ann, now) == "self_approval"


async def test_a_used_approval_counts_only_for_the_action_that_used_it(guarded: Engine) -> None:
    answer = await guarded.live.pipeline.act(guarded.action())
    action = await guarded.journal.get(str(answer.action_id))
    assert action is not None
    await guarded.inbox.decide(await guarded.signed(action.id))
    review = await reviewed(guarded, action)
    fresh = await valid_approvals(guarded.release, guarded.journal, action, review)
    assert (fresh.void, dict(fresh.count.roles)) == (None, {"Lead": 1})
    assert review.permits(guarded.release, action.caller, fresh.count)
    assert not review.permits(guarded.release, action.caller, ApprovalCount())
    ready = await guarded.journal.get(action.id)
    assert ready is not None
    await guarded.sent(ready)
    guarded.records["r1"] |= {"value": "old", "version": "1"}
    assert (await valid_approvals(guarded.release, guarded.journal, action, review)).void == "used"
    spent = await valid_approvals(guarded.release, guarded.journal, action, review, include_used=True)
    assert len(spent.approvals) == 1


def test_words_from_outside_stand_apart_with_whose_they_are() -> None:
    told = apart("2. ", ("from the record", "from the agent"), {"note": "from the agent"})
    assert [(line.label, line.origin) for line in told] == [("2. [1]", "source_of_truth"), ("2. [2]", "caller")]


def test_needs_stand_in_a_statement_as_objects() -> None:
    assert needs_of([(("Lead", 1), ("Support", 2)), (("Director", 1),)]) == ({"Lead": 1, "Support": 2}, {"Director": 1})


def test_an_approver_is_a_principal_of_their_own() -> None:
    person = caller_of("lead", "acme", frozenset({"Lead"}))
    assert (person.agent, person.person, person.roles, person.person_roles) == ("", "lead", frozenset(), {"Lead"})


def test_where_a_secret_passes_the_state_is_pinned_by_keyed_digests() -> None:
    program = PROGRAMS["update_integration_credential"]
    scope = {"before.integration": {"credential_key": "k1", "channel": "ops"}, "before.issuer": {"keys": ["k1"]}}
    known = facts("update_integration_credential")
    one, other = (pinned(program, known, scope, Hiding(key)) for key in (b"a" * 32, b"b" * 32))
    assert set(one) == set(other)
    assert {p for p in program.pinned if one[p] == other[p]} == {p for p in program.pinned if one[p] == "absent"}
    assert {p for p in one if one[p] != other[p]} >= {"before.integration.credential_key"}


@settings(max_examples=40)
@given(
    st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9) | st.text("abc", max_size=3), min_size=2, max_size=4)
)
def test_the_order_of_fields_is_no_change(value: dict[str, int | str]) -> None:
    backwards = dict(reversed(value.items()))
    assert value_digest(value) == value_digest(backwards) != value_digest(list(value))
    assert value_digest(ABSENT) == "absent" != value_digest(None)
