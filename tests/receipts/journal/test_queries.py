"""What the journal answers: whose turn an action is, which call it is, and what is known of its states."""

from dataclasses import replace
from pathlib import Path

from contracts.action.observation import Observation, Reading
from contracts.canonical import new_id
from policies.approval import SignedApproval
from receipts.action.action import Action, PlanStep
from receipts.action.status import Status
from receipts.journal.intent import Busy, Limits
from receipts.journal.journal import Journal
from receipts.statement.statement import SignedStatement, StatementSubject
from tests.free import free
from tests.receipts.making import action, approval, intend, journal_at, request, seal, told, try_to_intend
from tests.receipts.stages import Clock, ask, end, send, stored


async def end_unsent(journal: Journal, of: Action, status: Status, held_until_ms: int) -> None:
    await journal.end_unsent(of, seal(journal, of, "decision", status), status, told(status), held_until_ms)


async def test_a_call_is_the_same_action_while_it_is_open_or_held(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    assert await journal.latest(request()) == (None, None)
    of = await send(journal)
    newest, no = await journal.latest(of.request)
    assert (newest and newest.id, no, journal.same_call(newest)) == (of.id, None, newest)
    await end(journal, of, held_until_ms=clock.now_ms + 10)
    newest, _ = await journal.latest(of.request)
    assert journal.same_call(newest) == newest
    clock.now_ms += 10
    assert journal.same_call(newest) is None
    assert await journal.repeats(of.request.call_key, "act_new") == 1
    assert await journal.repeats(of.request.call_key, of.id) == 0
    await journal.store.aclose()


async def test_a_no_holds_whatever_key_the_caller_gives_until_a_new_release(journal: Journal) -> None:
    of = action()
    await end_unsent(journal, of, "refused", 2**50)
    keyed = request("r1", caller_key="another")
    newest, no = await journal.latest(keyed)
    assert (newest, no and no.id) == (None, of.id)
    assert (await journal.latest(request("r2")))[1] is None
    assert (await journal.latest(request("r1", agent="other")))[1] is None
    sealed = journal.notary.sign_gateway_statement(free("release"), "rcp_2", "", {"r": "1" * 64}, 1)
    await journal.registry.activate("release-2", ["acme"], [], sealed)
    assert (await journal.latest(keyed))[1] is None


async def test_whose_turn_it_is(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    waiting = await ask(journal, action("waits"), expires_ms=clock.now_ms + 10)
    running = await send(journal, "runs")
    step = replace(action("step"), step=PlanStep(running.id, running.fence, 0, 1, "first"))
    await intend(journal, step)
    await end(journal, await send(journal, "ended"))
    assert [a.id for a in await journal.waiting()] == [waiting.id]
    assert [a.id for a in await journal.resumable()] == [running.id]
    assert set(await journal.open()) == {(waiting.id, "waiting"), (running.id, "running")}
    assert [a.id for a in await journal.steps(running.id)] == [step.id]
    assert await journal.expired() == []
    clock.now_ms += 10
    assert [a.id for a in await journal.expired()] == [waiting.id]
    await journal.store.aclose()


async def test_the_states_before_and_after_are_those_of_the_last_attempt(journal: Journal) -> None:
    before = Observation({"user": Reading("user", 200, {"locked": True}, b"", 5)}, 2**50, "separate_credential")
    after = replace(before, readings={"user": Reading("user", 200, {"locked": False}, b"", 6)}, at_ms=6)
    of = await send(journal, before=before)
    assert await journal.state_before(of.id) == before
    assert await journal.state_after(of.id) is None
    opened = await journal.open_intent(of.id)
    assert opened is not None
    assert (opened.action_digest, opened.fence, opened.attempt, opened.before) == (
        of.request.action_digest, of.fence, 1, before,
    )  # fmt: skip
    await end(journal, of, after=after, ours=True)
    assert await journal.state_after(of.id) == after
    assert await journal.open_intent(of.id) is None
    assert await journal.is_ours(of.id)
    assert not await journal.is_ours("act_other")
    assert await journal.state_before("act_other") is None


async def test_what_was_busy_has_room_when_somebody_ended_and_says_when_its_minute_is_over(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    first = await send(journal, "r1", lock="resource", limits=Limits(per_minute=2))
    busy = await try_to_intend(journal, action("r2"), lock="resource", limits=Limits(per_minute=2))
    assert isinstance(busy, Busy)
    assert not await journal.has_room(busy.commit)
    await end(journal, first)
    assert await journal.has_room(busy.commit)
    assert await journal.rate_retry_after_ms(busy.commit) == 0
    clock.now_ms += 1_000
    await send(journal, "r3", limits=Limits(per_minute=2))
    assert not await journal.has_room(busy.commit)
    assert await journal.rate_retry_after_ms(busy.commit) == 59_000
    await journal.store.aclose()


async def test_an_undo_of_an_action_or_of_a_step_settles_first(journal: Journal) -> None:
    plan = await send(journal, "plan")
    step = replace(action("step"), step=PlanStep(plan.id, plan.fence, 0, 1, "first"))
    await intend(journal, step)
    undo = replace(action("undo"), undoes=step.id)
    assert not await journal.being_undone(plan.id)
    await intend(journal, undo)
    assert await journal.being_undone(plan.id)
    assert await journal.being_undone(step.id)
    assert not await journal.being_undone(undo.id)
    await end(journal, await stored(journal, undo))
    assert not await journal.being_undone(plan.id)


async def test_an_approval_counts_by_its_statement_until_it_is_used(journal: Journal) -> None:
    of = await ask(journal, action())
    signed = approval(of)
    await journal.approve(of, signed, approved(journal, of, signed), True, 0)
    assert await journal.approvals(of.id) == [signed]
    forged = approval(of, "director", "forged")
    row = (forged.id, of.id, "director", "SecurityLead", forged.model_dump_json().encode(), 1)
    await journal.store.write(lambda txn: txn.write("INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?)", *row))
    assert await journal.approvals(of.id) == [signed]
    assert await journal.used_by(signed.id) is None
    await intend(journal, await stored(journal, of), approvals=[signed])
    assert await journal.used_by(signed.id) == of.id


def approved(journal: Journal, of: Action, signed: SignedApproval) -> SignedStatement:
    """The statement of an approval, as the inbox signs it."""
    binding = signed.binding
    approver = journal.notary.pseudonym("acme", "person", binding.approver)
    facts = free("decision", {"approval": signed.id, "role": binding.role, "keyid": signed.keyid, "approver": approver})
    about = StatementSubject(of.request, of.id, "release-1", True)
    return journal.notary.seal(
        facts, new_id("rcp"), about, status="approved", changed=None, at_ms=journal.store.now_ms(), evidence={}
    )


async def test_an_action_goes_on_by_its_statement_and_only_until_it_was_sent(journal: Journal) -> None:
    of = await ask(journal, action())
    assert await journal.is_vouched(of)
    assert not await journal.is_vouched(replace(of, request=request("r2"))), "a row that was changed"
    await end_unsent(journal, of, "cancelled", 0)
    assert not await journal.is_vouched(of), "a row that was put back"
    sent = await send(journal, "r2")
    assert not await journal.is_vouched(sent)
