"""A shadow decides beside the live release: it lets nothing through, is counted, and goes on over a restart."""

import contextlib
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.decision import DecisionRecord
from receipts.store.transaction import Conflict
from receipts.tables import shadows
from receipts.tables.shadows import ShadowCount
from server.operations.shadow import MAX_QUEUE
from tests.console.visitor import visitor
from tests.policies.making import request
from tests.server.operations.shadowing import ALL, NONE, candidate, flips, record
from tests.until import until
from tests.world import MARIA, Sandbox, World, gateway, make_workspace


@pytest.mark.both_stores
async def test_a_shadow_that_permits_all_lets_nothing_through(world: World) -> None:
    package = candidate(world.workspace, ALL)
    before = world.sandbox.state()
    await world.app.shadow.begin(record(package))
    asked = await world.call("reset_user_mfa", MARIA)
    assert asked["status"] == "approval_required"
    assert world.sandbox.state() == before
    (flip,) = await flips(world)
    assert (flip.kind, flip.action, flip.before, flip.after) == (
        "wider", "reset_user_mfa", "asks 1 SecurityLead", "permitted",
    )  # fmt: skip
    assert flip.actions == (asked["action_id"],)
    assert (flip.tenant, flip.agent) == ("acme", "support-bot")


async def test_a_shadow_that_forbids_all_denies_nothing_and_the_console_tells_of_it(world: World) -> None:
    await world.app.shadow.begin(record(candidate(world.workspace, ALL, NONE)))
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    assert read["status"] == "confirmed", read
    (flip,) = await flips(world)
    assert (flip.kind, flip.before, flip.after) == ("narrower", "permitted", "denied")
    async with visitor(world, "lead") as lead:
        told = (await lead.json("/policies.json"))["shadow"]
        assert (told["name"], told["wider"], told["narrower"]) == ("a candidate", 0, flip.count)
        assert told["flips"][0]["action"] == "get_user"
        assert "It permits nothing" in await lead.get("/policies")
        assert await world.app.shadow.end("lead")
        assert (await lead.json("/policies.json"))["shadow"] is None
    assert not await world.app.shadow.end("lead")


READERS = '@id("leads-read") permit (principal in Role::"SecurityLead", action == Action::"read_receipts", resource);'


async def test_whose_calls_they_are_is_told_to_who_reads_receipts(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    (workspace.root / "policies" / "receipts.cedar").write_text(READERS)
    async with gateway(workspace, sandbox) as world:
        await world.app.shadow.begin(record(candidate(workspace, ALL, NONE)))
        await world.call("get_user", {"user_id": MARIA["user_id"]})
        (flip,) = await flips(world)
        for name, told in (("lead", ["get_user"]), ("requester", [])):
            async with visitor(world, name) as person:
                shown = (await person.json("/policies.json"))["shadow"]
            assert (shown["narrower"], [one["action"] for one in shown["flips"]]) == (flip.count, told)


async def test_it_goes_on_over_a_restart(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        await world.app.shadow.begin(record(candidate(workspace, ALL, NONE)))
        await world.call("get_user", {"user_id": MARIA["user_id"]})
        before = await flips(world)
    async with gateway(workspace, sandbox) as world:
        await until(lambda: world.app.shadow._active is not None)
        await world.call("get_user", {"user_id": MARIA["user_id"]})
        after = await flips(world, before[0].count)
        kept = await world.app.store.read_aside(shadows.current)
    assert after[0].count > before[0].count
    assert kept is not None
    assert kept.is_on(2**50)


async def test_what_is_too_much_is_dropped_and_counted_and_nobody_waits(world: World) -> None:
    shadow = world.app.shadow
    decided = DecisionRecord({}, (), "", "", b"[]", b"[]")
    shadow.observe("act_1", request(), decided)
    assert shadow._queue.empty(), "no shadow is on"
    await shadow.begin(record(candidate(world.workspace, ALL)))
    # in one go: the task that decides has no turn in between
    for _ in range(MAX_QUEUE + 7):
        shadow.observe("act_1", request(), decided)
    assert shadow._count == ShadowCount(dropped=7)
    await until(lambda: shadow._count.unfit == MAX_QUEUE or not shadow._count.dropped)


# read as a record until its approvals, which are no object: no simulation is prepared for that
BROKEN = b'[{"action": {"id": "get_user"}, "context": {"approvals": [], "env": {"nowMs": 1}}}]'


async def test_one_decision_that_breaks_leaves_the_others_of_its_batch(world: World) -> None:
    shadow = world.app.shadow
    await shadow.begin(record(candidate(world.workspace, ALL, NONE)))
    assert shadow._task is not None
    # what follows waits in the queue: all of it is one batch
    shadow._task.cancel()
    await until(shadow._task.done)
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    shadow.observe("act_1", request(), DecisionRecord({}, (), "", "", BROKEN, b"[]"))
    batch = shadow._waiting()
    assert len(batch) > 1
    await shadow._decide(batch)
    assert (shadow._count.narrower, shadow._count.unfit) == (len(batch) - 1, 1)


async def test_what_the_store_did_not_take_is_written_later(world: World) -> None:
    await world.app.shadow.begin(record(candidate(world.workspace, ALL, NONE)))
    refused = "BEGIN SELECT RAISE(ABORT, 'full'); END"
    await world.app.store.write(
        lambda txn: txn.write(
            f"CREATE TRIGGER full_disk BEFORE INSERT ON meta WHEN NEW.key LIKE 'shadow/%' {refused}", rows=None
        )
    )
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    await until(lambda: world.app.shadow._count.narrower > 0)
    # the gateway writes by itself, too, and one of both was refused
    with contextlib.suppress(Conflict):
        await world.app.shadow.follow()
    await until(lambda: world.app.shadow._count.narrower > 0)
    await world.app.store.write(lambda txn: txn.write("DROP TRIGGER full_disk", rows=None))
    (flip,) = await flips(world)
    assert (flip.kind, flip.action) == ("narrower", "get_user")


async def test_what_does_not_load_begins_no_shadow(world: World) -> None:
    with pytest.raises(AilyusError, match="parse"):
        await world.app.shadow.begin(record(candidate(world.workspace, "permit (")))
    assert await world.app.store.read_aside(shadows.current) is None
