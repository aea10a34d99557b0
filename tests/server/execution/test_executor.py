"""One decided request from intent to outcome: by the order of a committed intent, once, and again only where it is safe."""

from dataclasses import replace

import pytest

from contracts.errors import AilyusError
from policies.decision import Denied, Unavailable
from receipts.action.action import Action
from receipts.journal.intent import DecisionBasis, Stale
from server.execution.attempt import PendingEnd, SentAttempt, interrupted_attempt
from server.execution.decisions import NO_APPROVALS
from server.execution.executor import MAX_ATTEMPTS
from server.execution.redecision import CountedBefore
from server.execution.undo import Compensation
from tests.server.engine import Engine


async def finished(made: Engine, sent: SentAttempt) -> PendingEnd:
    executor = made.executor
    redecision = CountedBefore(executor.decisions, NO_APPROVALS)
    return await executor.finish(sent, redecision, Compensation(executor, NO_APPROVALS))


async def stored(made: Engine, action: Action) -> Action:
    row = await made.journal.get(action.id)
    assert row is not None
    return row


async def lost(made: Engine) -> SentAttempt:
    """A request that nobody answered, after its deadline: nothing of it is on its way any more."""
    made.fault("lost_request")
    sent = await made.sent(made.action())
    return replace(sent, intent=replace(sent.intent, deadline_ms=made.journal.store.now_ms()))


async def test_a_request_leaves_after_its_intent_is_committed_and_is_confirmed_by_a_later_read(
    permissive: Engine,
) -> None:
    action = permissive.action()
    sent = await permissive.sent(action)
    assert (await stored(permissive, action)).state == "running"
    assert sent.intent.receipt_id == (await stored(permissive, action)).receipt_id
    assert permissive.writes() == ["PUT /records/r1"]
    ended = await finished(permissive, sent)
    assert (ended.status, dict(ended.outputs)) == ("confirmed", {"was": "old", "is": "new"})
    assert (await stored(permissive, action)).state == "running"  # the end is still to be committed
    await permissive.executor.end(ended)
    assert (await stored(permissive, action)).state == "ended"


async def test_what_was_decided_under_another_release_or_epoch_is_not_sent(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action())
    for basis in (
        DecisionBasis("0" * 64, ready.basis.epoch),
        DecisionBasis(ready.basis.release, ready.basis.epoch + 1),
    ):
        assert await permissive.executor.send(replace(ready, basis=basis)) == Stale(moved=True)
    assert permissive.writes() == []
    assert await permissive.journal.get(ready.action.id) is None


async def test_without_an_open_route_or_a_credential_nothing_is_committed(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action("two_routes", record="r1", value="new"))
    (permissive.root / "write").unlink()
    unsent = await permissive.executor.send(ready)
    assert isinstance(unsent, Unavailable)
    assert (unsent.outage, unsent.connection) == ("no_credential", "records")
    for route in ("http:POST", "http:PUT"):
        await permissive.halt("route", f"records/two_routes/{route}", by="breaker")
    unsent = await permissive.executor.send(ready)
    assert isinstance(unsent, Unavailable)
    assert unsent.outage == "no_open_route"
    assert await permissive.journal.get(ready.action.id) is None


async def test_what_cannot_be_built_is_denied(permissive: Engine) -> None:
    del permissive.records["r1"]["version"]
    denied = await permissive.executor.send(await permissive.permitted(permissive.action()))
    assert isinstance(denied, Denied)
    assert denied.reason.startswith("the request cannot be built: ")


async def test_a_request_that_was_lost_goes_again_with_an_intent_of_its_own(permissive: Engine) -> None:
    first = await lost(permissive)
    assert first.execution.keyed_since_ms == first.execution.started_ms
    ended = await finished(permissive, first)
    assert ended.status == "confirmed"
    assert permissive.writes() == ["PUT /records/r1"] * 2
    (fences,) = await permissive.rows("SELECT count(*), max(fence) FROM intents WHERE action_id = ?", ended.action.id)
    assert tuple(fences) == (2, 2)


async def test_it_does_not_go_again_once_it_is_halted_or_its_agent_is_gone(permissive: Engine) -> None:
    for stop in ("agent", "halt"):
        sent = await lost(permissive)
        permissive.registered = stop != "agent"
        if stop == "halt":
            await permissive.halt("connection", "records")
        ended = await finished(permissive, sent)
        assert ended.status == "not_applied", stop
        permissive.registered = True
        await permissive.executor.end(ended)
    assert len(permissive.writes()) == 2


async def test_it_does_not_go_again_over_a_record_that_somebody_changed(permissive: Engine) -> None:
    sent = await lost(permissive)
    permissive.records["r1"]["value"] = "theirs"
    assert (await finished(permissive, sent)).status == "unknown"
    assert len(permissive.writes()) == 1


async def test_attempts_end(permissive: Engine) -> None:
    sent = await lost(permissive)
    last = replace(sent, intent=replace(sent.intent, attempt=MAX_ATTEMPTS))
    assert (await finished(permissive, last)).status == "not_applied"
    assert len(permissive.writes()) == 1


async def test_an_action_is_taken_over_from_its_signed_intent_under_a_higher_fence(permissive: Engine) -> None:
    action = permissive.action()
    sent = await permissive.sent(action)
    await permissive.journal.end_leases()
    row = await stored(permissive, action)
    intent = await permissive.executor.take_over(row)
    assert intent.fence == sent.intent.fence + 1
    assert intent.receipt_id == sent.intent.receipt_id
    ended = await finished(permissive, interrupted_attempt(replace(row, fence=intent.fence), intent))
    assert ended.status == "confirmed"
    assert len(permissive.writes()) == 1


async def test_an_intent_that_was_edited_is_not_gone_on_with(permissive: Engine) -> None:
    action = permissive.action()
    await permissive.sent(action)
    await permissive.journal.end_leases()
    row = await stored(permissive, action)
    await permissive.journal.store.write(
        lambda txn: txn.write("UPDATE intents SET action_digest = ? WHERE action_id = ?", "0" * 64, action.id)
    )
    with pytest.raises(AilyusError, match="does not hold") as fault:
        await permissive.executor.take_over(row)
    assert fault.value.code == "store_corrupt"
    with pytest.raises(AilyusError, match="runs without an intent"):
        await permissive.executor.take_over(replace(row, id="act_none"))
