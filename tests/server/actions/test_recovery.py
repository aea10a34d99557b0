"""Progress without anybody asking: what people approved and what a dead process had sent goes on, and nothing else."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.action.action import Action
from receipts.log.signing import Envelope
from receipts.store.row import blob
from receipts.store.transaction import Conflict
from server.actions.chore import Chore
from server.actions.recovery import RecoveryLoop
from server.plans.runner import Plans
from tests.hostile import edit_request
from tests.receipts.making import lose
from tests.server.engine import CONTRACTS, LEAD, PERMIT, Engine, engine, release_of
from tests.server.plans.runs import Parts, begun, plan_action, step


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


def loop_of(made: Engine) -> RecoveryLoop:
    return RecoveryLoop(made.runner, made.inbox.expire)


async def scanned(made: Engine) -> list[str]:
    """What a look at everything carried on, to its end: the statuses."""
    tasks = await loop_of(made).scan()
    return [answer.status for answer in await asyncio.gather(*tasks)]


async def test_an_approved_action_is_carried_on(guarded: Engine) -> None:
    action = await guarded.waiting()
    assert await scanned(guarded) == []  # it is people's turn
    await guarded.inbox.decide(await guarded.signed(action.id))
    assert await scanned(guarded) == ["confirmed"]
    assert guarded.writes() == ["PUT /records/r1"]
    assert await scanned(guarded) == []


async def test_what_a_halt_holds_waits(guarded: Engine) -> None:
    action = await guarded.waiting()
    await guarded.inbox.decide(await guarded.signed(action.id))
    await guarded.halt("contract", "set_value")
    assert await scanned(guarded) == []
    await guarded.lift("contract", "set_value")
    assert await scanned(guarded) == ["confirmed"]


async def test_a_row_that_no_agent_asked_for_is_not_carried_on(guarded: Engine) -> None:
    action = await guarded.waiting()
    await guarded.inbox.decide(await guarded.signed(action.id))
    await edit_request(guarded.journal.store, action.id, b"new", b"bad")
    assert await scanned(guarded) == []
    assert guarded.writes() == []


async def test_what_a_dead_process_had_sent_is_read_back_and_not_sent_again(permissive: Engine) -> None:
    sent = await permissive.sent(permissive.action())
    assert await scanned(permissive) == []  # its lease has not ended
    await permissive.journal.end_leases()
    assert await scanned(permissive) == ["confirmed"]
    assert permissive.writes() == ["PUT /records/r1"]
    row = await permissive.row(sent.action.id)
    assert row.fence == sent.intent.fence + 1


async def test_without_its_contract_what_is_out_stays_open(permissive: Engine, tmp_path: Path) -> None:
    await permissive.sent(permissive.action())
    await permissive.journal.end_leases()
    (tmp_path / "few").mkdir()
    shutil.copy(CONTRACTS / "put_record.yaml", tmp_path / "few")
    permissive.release_anew(release_of(permissive.root, permissive.port, contracts=tmp_path / "few"))
    assert await scanned(permissive) == []
    permissive.release_anew(permissive.release)
    assert await scanned(permissive) == ["confirmed"]


async def test_what_is_at_work_here_is_not_begun_a_second_time(permissive: Engine) -> None:
    action = permissive.action()
    await permissive.sent(action)
    await permissive.journal.end_leases()
    first, second = await asyncio.gather(loop_of(permissive).scan(), loop_of(permissive).scan())
    assert len([*first, *second]) == 1
    await asyncio.gather(*first, *second)


async def test_one_action_can_be_resumed_and_one_that_is_not_there_cannot(permissive: Engine) -> None:
    action = permissive.action()
    await permissive.sent(action)
    await permissive.journal.end_leases()
    loop = loop_of(permissive)
    await loop.resume("act_none")
    await loop.resume(action.id)
    assert permissive.runner.running_ids() == {action.id}
    running = permissive.runner._running[action.request.call_key]
    assert (await running.task).status == "confirmed"


async def test_what_is_open_is_signed_and_counted(guarded: Engine) -> None:
    waiting = await guarded.waiting()
    out = guarded.action("put_record", record="r1", value="other")
    await guarded.sent(out)
    await loop_of(guarded).log_open_actions()
    ((envelope,),) = await guarded.rows("SELECT envelope FROM statements WHERE kind = 'state'")
    said = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"]["about"]
    assert (said["running"], said["waiting"], set(said["actions"])) == (1, 1, {waiting.id, out.id})


async def test_it_starts_over_what_a_dead_owner_left_and_stops(permissive: Engine) -> None:
    await permissive.sent(permissive.action())
    loop = loop_of(permissive)
    await loop.start()
    tasks = [running.task for running in permissive.runner._running.values()]
    assert len(tasks) == 1
    assert (await tasks[0]).status == "confirmed"
    await loop.stop()


async def test_what_nobody_decides_expires_beside_a_notice_that_hangs_and_a_sweep_that_fails(guarded: Engine) -> None:
    async def fail() -> None:
        raise ValueError

    further = (Chore("notices", asyncio.Event().wait, 0.001), Chore("tokens", fail, 0.001))
    loop = RecoveryLoop(guarded.runner, guarded.inbox.expire, further)
    await loop.start()
    action = await guarded.waiting()
    await guarded.journal.store.write(
        lambda txn: txn.write("UPDATE actions SET expires_ms = 1 WHERE id = ?", action.id)
    )  # nobody decided in time
    while (await guarded.row(action.id)).state != "ended":
        await asyncio.sleep(0.01)
    assert loop.is_alive
    await loop._chores.stop(drain_seconds=0.01)
    assert (await guarded.row(action.id)).status == "expired"


async def test_an_action_that_fails_keeps_no_other_waiting(guarded: Engine) -> None:
    guarded.seed("r2")
    first, second = await guarded.waiting(), await guarded.waiting(record="r2", value="new")
    await guarded.journal.store.write(lambda txn: txn.write("UPDATE actions SET expires_ms = 1", rows=2))

    async def expire(action: Action) -> None:
        if action.id == first.id:
            raise ValueError
        await guarded.inbox.expire(action)

    loop = RecoveryLoop(guarded.runner, expire)
    await loop._expire_waiting()
    assert [(await guarded.row(action.id)).state for action in (first, second)] == ["waiting", "ended"]


@pytest.mark.parametrize("error", [ValueError(), Conflict(), AilyusError("not_found", "it is gone")])
async def test_an_action_that_cannot_be_carried_on_keeps_no_other_waiting(guarded: Engine, error: Exception) -> None:
    guarded.seed("r2")
    for record in ("r1", "r2"):
        await guarded.inbox.decide(await guarded.signed((await guarded.waiting(record=record, value="new")).id))
    await after_a_loss(guarded)
    seen = []

    async def expire(action: Action) -> None:
        seen.append(action.id)
        raise error

    assert await RecoveryLoop(guarded.runner, expire).scan() == []
    assert len(seen) == 2


async def test_a_store_that_cannot_be_written_ends_the_look(guarded: Engine) -> None:
    await guarded.inbox.decide(await guarded.signed((await guarded.waiting()).id))
    await after_a_loss(guarded)

    async def expire(action: Action) -> None:
        raise NotDurable("the disk is full")

    with pytest.raises(NotDurable):
        await RecoveryLoop(guarded.runner, expire).scan()


async def after_a_loss(made: Engine) -> None:
    """The store is one that was restored, the loss is accepted, and the halt that came with that is lifted."""
    await lose(made.journal)
    await made.lift("all", "")


async def test_what_was_approved_before_a_loss_ends_and_is_not_sent(guarded: Engine) -> None:
    action = await guarded.waiting()
    await guarded.inbox.decide(await guarded.signed(action.id))
    await after_a_loss(guarded)
    assert await scanned(guarded) == []
    row = await guarded.row(action.id)
    assert (row.state, row.status) == ("ended", "cancelled")
    assert row.result is not None
    assert "restored from a backup" in row.result.summary
    assert row.result.changed is None
    assert guarded.writes() == []


async def test_what_waits_since_before_a_loss_is_approved_by_nobody(guarded: Engine) -> None:
    action = await guarded.waiting()
    signed = await guarded.signed(action.id)
    await after_a_loss(guarded)
    with pytest.raises(AilyusError) as caught:
        await guarded.inbox.decide(signed)
    assert caught.value.code == "expired"
    assert [one.id for one in await guarded.journal.expired()] == [action.id]
    await guarded.inbox.expire(await guarded.row(action.id))
    assert (await guarded.row(action.id)).status == "cancelled"


async def test_what_was_out_before_a_loss_is_read_back_and_never_sent_again(permissive: Engine) -> None:
    permissive.fault("lost_request")
    await permissive.sent(permissive.action())
    await after_a_loss(permissive)
    before = permissive.writes()
    # without the loss it would be sent again: the record is as it was before
    assert await scanned(permissive) == ["not_applied"]
    assert permissive.writes() == before


async def test_a_plan_that_a_halt_had_paused_before_a_loss_ends_there(guarded: Engine) -> None:
    guarded.seed("r2")
    action = plan_action(guarded, step("one", "r1"), step("two", "r2"))
    await Plans(guarded.executor).perform(action)
    await guarded.inbox.decide(await guarded.signed(action.id))
    await guarded.halt("contract", "set_value")
    assert (await Plans(guarded.executor).perform(await guarded.row(action.id))).status == "running"
    await guarded.lift("contract", "set_value")
    await after_a_loss(guarded)
    before = guarded.writes()
    await scanned(guarded)
    row = await guarded.row(action.id)
    assert (row.state, row.status) == ("ended", "unknown")
    assert guarded.writes() == before


async def test_a_plan_from_before_a_loss_ends_where_it_stands(permissive: Engine) -> None:
    permissive.seed("r2")
    action = plan_action(permissive, step("one", "r1"), step("two", "r2"))
    run = await begun(permissive, action)
    parts = Parts(permissive)
    await parts.steps.take(run, 0)
    await parts.commits.commit_pending(run)
    await after_a_loss(permissive)
    assert await scanned(permissive) == ["unknown"]
    row = await permissive.row(action.id)
    assert row.result is not None
    assert "the store was restored from a backup" in row.result.summary
    assert permissive.writes() == ["PUT /records/r1"]
    assert await scanned(permissive) == []
