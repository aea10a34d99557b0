"""A connection's token is one that holds: refreshed once for all replicas, ahead of its end, and anew where refused."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.tables import grants
from tests.server.operations.connections.signed_in import SignedIn, signed_in
from tests.until import until


async def state_of(world: SignedIn, state: str) -> None:
    found = await world.row()
    while found.state != state:
        await asyncio.sleep(0.01)
        found = await world.row()


async def test_a_token_is_served_while_it_holds_and_nobody_is_asked(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in()
        replica = world.replica()
        assert {await replica.value(world.target.read, ""), await replica.value(world.target.write, "")} == {"at-0"}
        await replica.sweep()
        assert world.endpoint.asked == []


@pytest.mark.both_stores
async def test_twenty_callers_on_two_replicas_at_its_end_cause_one_refresh(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        replicas = (world.replica(), world.replica())
        world.endpoint.faults = ["slow"]
        callers = asyncio.gather(*(replicas[n % 2].value(world.target.read, "") for n in range(20)))
        await until(lambda: world.endpoint.asked)
        await asyncio.sleep(0.3)  # the other replica looks several times meanwhile
        world.endpoint.slow_until.set()
        assert set(await callers) == {"at-1"}
        assert world.endpoint.count("refresh_token") == 1
        row = await world.row()
        assert (row.state, world.grants.opened(row).refresh) == ("ready", "rt-1")


@pytest.mark.both_stores
async def test_it_is_refreshed_ahead_of_its_end_while_nobody_uses_it(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        before = await world.sign_in(expires_in=8)
        assert before.tokens.next_ms is not None
        assert before.tokens.expires_ms is not None
        assert before.tokens.expires_ms - before.tokens.next_ms == 2_000
        replica = world.replica()
        await replica.sweep()
        assert world.endpoint.asked == []
        await journal.store.write(lambda txn: txn.write("UPDATE grants SET next_ms = 1"))
        await replica.sweep()
        await replica.sweep()
        await until(lambda: world.endpoint.asked)
        await state_of(world, "ready")
        await until(lambda: not replica._refresh.is_running(before))
        assert world.grants.opened(await world.row()).access == "at-1"
        assert world.endpoint.count("refresh_token") == 1


async def test_what_another_replica_refreshed_and_what_a_person_disconnected_counts_at_once(
    journal: Journal, tmp_path: Path
) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in()
        one, other = world.replica(), world.replica()
        assert await other.value(world.target.read, "") == "at-0"
        assert await one.is_renewed(world.target.read, time.monotonic(), "")
        assert await other.value(world.target.read, "") == "at-1"
        # nobody has to refresh again what was refreshed since
        assert await other.is_renewed(world.target.read, 0.0, "")
        await journal.store.write(lambda txn: grants.forget(txn, "crm"))
        with pytest.raises(AilyusError, match="nobody signed in to `crm`") as caught:
            await other.value(world.target.read, "")
        assert caught.value.hint == "connect it: `ailyus connection sign-in crm`"
        assert world.endpoint.count("refresh_token") == 1


async def test_a_token_that_a_target_refuses_is_refreshed_once_by_all_who_were_refused(
    journal: Journal, tmp_path: Path
) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in()
        replica = world.replica()
        assert await replica.value(world.target.write, "") == "at-0"
        since = time.monotonic()
        assert replica.doubt(world.target.write, "", since)
        found = await asyncio.gather(*(replica.is_renewed(world.target.read, since, "") for _ in range(5)))
        assert (found, await replica.value(world.target.write, "")) == ([True] * 5, "at-1")
        assert world.endpoint.count("refresh_token") == 1
        # who was refused before has another one by now
        assert replica.doubt(world.target.write, "", since)
        # the new one is refused too: a refresh at each call would not help
        assert not replica.doubt(world.target.write, "", time.monotonic())
        assert not await replica.is_renewed(world.target.read, time.monotonic(), "")
        assert world.endpoint.count("refresh_token") == 1


@pytest.mark.parametrize("fault", ["lose_request", {"status": 400, "error": "temporarily_unavailable"}, 503])
async def test_a_server_that_does_not_answer_now_costs_a_pause_and_no_connection(
    journal: Journal, tmp_path: Path, fault: Any
) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        replica = world.replica()
        world.endpoint.faults = [fault, fault]
        for _ in range(3):
            with pytest.raises(AilyusError, match="`crm` has no usable access token: the"):
                await replica.value(world.target.read, "")
        row = await world.row()
        assert (row.state, row.tried) == ("ready", 1)
        asked = world.endpoint.count("refresh_token")
        assert asked == (1 if isinstance(fault, dict) else 2)  # a lost answer is asked for once more at once
        await journal.store.write(lambda txn: txn.write("UPDATE grants SET next_ms = 1"))
        world.endpoint.faults = []
        assert await replica.value(world.target.read, "") == "at-1"
        assert (await world.row()).tried == 0


async def test_a_token_that_cannot_be_refreshed_holds_until_its_end(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=None, refresh="")
        replica = world.replica()
        assert await replica.value(world.target.read, "") == "at-0"
        # one 401 says little where there is no other token to try
        assert not await replica.is_renewed(world.target.read, time.monotonic(), "")
        assert not replica.doubt(world.target.read, "", time.monotonic())
        assert await replica.value(world.target.read, "") == "at-0"
        await world.sign_in(expires_in=0, refresh="")
        with pytest.raises(AilyusError, match="there is no refresh token") as caught:
            await replica.value(world.target.read, "")
        assert caught.value.hint == "connect it again: `ailyus connection sign-in crm`"
        assert world.endpoint.asked == []


async def test_each_person_has_tokens_of_their_own(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path, per_person=True) as world:
        await world.sign_in(person="ann")
        replica = world.replica()
        assert await replica.value(world.target.read, "ann") == "at-0"
        with pytest.raises(AilyusError, match="nobody signed in to `crm` as `bob`"):
            await replica.value(world.target.read, "bob")
        await journal.store.write(lambda txn: txn.write("UPDATE grants SET next_ms = 1"))
        await replica.sweep()
        await until(lambda: world.endpoint.asked)
        with pytest.raises(AilyusError, match="nobody signs in"):
            await world.sign_in(person="")


@pytest.mark.both_stores
async def test_the_last_use_is_written_down_now_and_then(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in()
        replica = world.replica()
        await replica.value(world.target.read, "")
        await replica.sweep()
        assert await replica.is_obtainable(world.target.read)
        assert (await world.row()).used_ms == 0
        replica._used_at -= 3600
        await replica.sweep()
        assert (await world.row()).used_ms > 0


async def test_no_token_stands_in_the_store_in_clear(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        row = await world.sign_in()
        assert (world.grants.opened(row).access, world.grants.opened(row).refresh) == ("at-0", "rt-0")
        assert b"at-0" not in row.tokens.access
        assert b"rt-0" not in row.tokens.refresh
        assert "at-0" not in repr(world.grants.opened(row))
        assert "rt-0" not in repr(row)
