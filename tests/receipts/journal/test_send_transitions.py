"""The commits before and after a send: what they write, what they use up, and when they write nothing at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.action.dispatch import Dispatch
from contracts.action.http_request import HttpRequest
from contracts.action.observation import Observation
from contracts.errors import AilyusError
from receipts.action.action import Action, PlanStep
from receipts.action.status import Status
from receipts.journal.intent import Stale
from receipts.journal.journal import Journal
from receipts.journal.lease import LEASE_MS
from receipts.store.transaction import Conflict
from tests.receipts.making import HTTP, action, approval, intend, journal_at, seal, try_to_intend
from tests.receipts.stages import Clock, ask, end, rows, send, stored


async def ready(journal: Journal, name: str = "r1") -> Action:
    waiting = await ask(journal, action(name))
    await journal.approve(waiting, approval(waiting), seal(journal, waiting, "decision", "approved"), True, 0)
    return await stored(journal, waiting)


async def test_the_intent_names_the_request_the_fence_and_the_deadline(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = action()
    dispatch = await intend(journal, of, timeout_ms=9_000, via="reset@okta/http")
    columns = "state, attempt, fence, epoch, deadline_ms, action_digest, target_digest, request_digest, via"
    assert await rows(journal, columns, "intents") == [
        ("intent", 1, 1, journal.epoch, clock.now_ms + 9_000, of.request.action_digest, "t", HTTP.digest,
         "reset@okta/http"),
    ]  # fmt: skip
    assert (dispatch.fence, dispatch.deadline_ms, dispatch.rendered) == (1, clock.now_ms + 9_000, HTTP)
    assert await rows(journal, "state, sent_ms, lease_until_ms", "actions") == [
        ("running", clock.now_ms, clock.now_ms + 10_000)
    ]
    await journal.store.aclose()


async def test_another_attempt_ends_the_one_before_it_and_keeps_when_it_was_first_sent(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    first = await send(journal)
    clock.now_ms += 100
    await intend(journal, first, attempt=2)
    second = await stored(journal, first)
    await intend(journal, second, attempt=3, former_failed=False)
    assert await rows(journal, "attempt, fence, state", "intents") == [
        (1, 1, "failed"), (2, 2, "done"), (3, 3, "intent"),
    ]  # fmt: skip
    assert (await stored(journal, first)).sent_ms == first.sent_ms
    await journal.store.aclose()


async def test_what_is_ready_is_claimed_once_and_only_as_it_was_seen(journal: Journal) -> None:
    of = await ready(journal)
    for other in (replace(of, fence=of.fence + 1), replace(of, state="waiting"), replace(of, state="ended")):
        assert await try_to_intend(journal, other) == Stale(moved=True)
    assert await rows(journal, "action_id", "intents") == []
    assert isinstance(await try_to_intend(journal, of), Dispatch)
    assert await try_to_intend(journal, of) == Stale(moved=True)


@pytest.mark.parametrize("timeout_ms", [0, -1])
async def test_a_deadline_that_has_passed_commits_nothing(journal: Journal, timeout_ms: int) -> None:
    assert await try_to_intend(journal, action(), timeout_ms=timeout_ms) == Stale(moved=True)
    assert await rows(journal, "id", "actions") == []


async def test_a_clock_that_is_behind_claims_nothing(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    clock.now_ms -= 5_000
    with pytest.raises(AilyusError) as caught:
        await intend(journal, action())
    assert caught.value.code == "clock_behind"
    assert await rows(journal, "id", "actions") == []
    await journal.store.aclose()


async def test_a_refused_handle_leaves_no_intent_and_no_use_of_an_approval(journal: Journal) -> None:
    of = action()
    carrying = HttpRequest(HTTP.method, HTTP.url, (), b"", (("sec_unknown", "use.value"),))
    with pytest.raises(AilyusError) as caught:
        await intend(journal, of, rendered=carrying, approvals=[approval(of)])
    assert caught.value.code == "bad_handle"
    for table in ("actions", "intents", "approval_uses"):
        assert await rows(journal, "1", table) == []


async def test_the_approvals_of_a_step_are_used_by_its_plan(journal: Journal) -> None:
    plan = await send(journal, "plan")
    step = replace(action("step"), step=PlanStep(plan.id, plan.fence, 0, 1, "first"))
    signed = approval(plan)
    await intend(journal, step, approvals=[signed])
    assert await journal.used_by(signed.id) == plan.id
    late = replace(action("late"), step=PlanStep(plan.id, plan.fence + 1, 1, 2, "second"))
    assert await try_to_intend(journal, late) == Stale(moved=True), "the plan has another owner"


@pytest.mark.parametrize(
    ("status", "failed", "state"),
    [("confirmed", False, "done"), ("not_applied", True, "failed"), ("unknown", True, "escalated")],
)
async def test_an_outcome_ends_action_and_intent_together(
    journal: Journal, status: Status, failed: bool, state: str
) -> None:
    of = await send(journal)
    after = Observation({}, 5, "separate_credential")
    await end(journal, of, status=status, failed=failed, after=after, ours=True, strike=True, held_until_ms=9)
    assert await rows(journal, "state, ours", "intents") == [(state, 1)]
    ended = await stored(journal, of)
    assert (ended.state, ended.status, ended.held_until_ms) == ("ended", status, 9)
    assert await rows(journal, "strike", "actions") == [(1,)]
    with pytest.raises(Conflict):
        await end(journal, of)
    assert await journal.store.read("SELECT count(*) FROM statements WHERE kind = 'outcome'") == [(1,)]


async def test_an_outcome_is_recorded_while_the_clock_is_behind(tmp_path: Path) -> None:
    """What was sent has ended, whatever a clock says; only a claim is refused."""
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = await send(journal)
    clock.now_ms -= LEASE_MS
    await end(journal, of)
    assert (await stored(journal, of)).state == "ended"
    await journal.store.aclose()
