"""A refresh token that rotates: kept before it is forgotten, tried again where its answer was lost, else a person's."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.journal.journal import Journal
from receipts.store.transaction import Work
from receipts.tables import grants
from tests.server.operations.connections.signed_in import signed_in
from tests.until import until


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
async def test_a_lost_answer_is_asked_for_once_more_with_the_same_token(
    journal: Journal, tmp_path: Path, fault: str
) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.faults, world.endpoint.grace = [fault], True
        assert await world.replica().value(world.target.read, "") in ("at-1", "at-2")
        assert [one["refresh_token"] for one in world.endpoint.asked] == ["rt-0", "rt-0"]
        assert world.grants.opened(await world.row()).refresh == world.endpoint.refresh


async def test_where_the_server_takes_it_no_more_a_person_is_needed(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.faults = ["lose_answer"]
        replica = world.replica()
        for _ in range(3):
            with pytest.raises(AilyusError, match="the answer to a refresh was lost") as caught:
                await replica.value(world.target.read, "")
            assert caught.value.hint == "connect it again: `ailyus connection sign-in crm`"
        row = await world.row()
        assert (row.state, world.endpoint.count("refresh_token")) == ("needs_person", 2)
        assert "rt-" not in row.reason
        await replica.sweep()
        assert world.endpoint.count("refresh_token") == 2  # it is not asked for ever
        world.endpoint.is_gone = False
        await world.sign_in(refresh="rt-9")
        assert await replica.value(world.target.read, "") == "at-0"


async def test_a_token_that_still_holds_is_used_while_a_person_is_needed(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in()
        world.endpoint.is_gone = True
        replica = world.replica()
        await journal.store.write(lambda txn: txn.write("UPDATE grants SET next_ms = 1"))
        await replica.sweep()
        await until(lambda: world.endpoint.asked)
        while (await world.row()).state != "needs_person":
            await asyncio.sleep(0.01)
        assert await replica.value(world.target.read, "") == "at-0"


@pytest.mark.both_stores
async def test_a_replica_that_died_between_is_taken_over_when_its_lease_ends(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        row = await world.sign_in(expires_in=0)
        # it had asked, and the server had rotated
        await journal.store.write(lambda txn: grants.claim(txn, row, 300))
        await world.servers.refresh(world.target.oauth2, "rt-0")  # type: ignore[arg-type]
        world.endpoint.grace = True
        assert await world.replica().value(world.target.read, "") == "at-2"
        assert [one["refresh_token"] for one in world.endpoint.asked] == ["rt-0", "rt-0"]


@pytest.mark.both_stores
async def test_a_good_answer_of_one_that_was_taken_over_is_kept(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.faults = ["slow"]
        late = asyncio.create_task(world.replica().value(world.target.read, ""))
        await until(lambda: world.endpoint.asked)
        # its lease ends, and another one takes over and gets no answer
        await journal.store.write(lambda txn: txn.write("UPDATE grants SET lease_until_ms = 1"))
        world.endpoint.faults = [{"status": 400, "error": "temporarily_unavailable"}]
        with pytest.raises(AilyusError):
            await world.replica().value(world.target.read, "")
        assert (await world.row()).tried == 1
        world.endpoint.slow_until.set()
        assert await late == "at-1"
        assert world.grants.opened(await world.row()).refresh == world.endpoint.refresh


async def test_new_tokens_are_kept_although_the_store_cannot_write_for_a_while(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.faults = ["slow"]
        asked = asyncio.create_task(world.replica().value(world.target.read, ""))
        await until(lambda: world.endpoint.asked)
        write, failures = journal.store.write, [1, 2]

        async def failing(work: Work[Any], ids: Any = ()) -> Any:
            if failures:
                failures.pop()
                raise NotDurable("the disk is full")
            return await write(work, ids)

        monkeypatch.setattr(journal.store, "write", failing)
        world.endpoint.slow_until.set()
        assert await asked == "at-1"
        assert world.endpoint.count("refresh_token") == 1


async def test_tokens_of_a_connection_that_was_disconnected_meanwhile_are_revoked(
    journal: Journal, tmp_path: Path
) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.faults = ["slow"]
        asked = asyncio.create_task(world.replica().value(world.target.read, ""))
        await until(lambda: world.endpoint.asked)
        await journal.store.write(lambda txn: grants.forget(txn, "crm"))
        world.endpoint.slow_until.set()
        with pytest.raises(AilyusError):
            await asked
        assert world.endpoint.revoked == ["rt-1"]
        assert await world.grants.rows() == []


async def test_tokens_of_wider_scope_than_declared_are_revoked_and_a_person_is_needed(
    journal: Journal, tmp_path: Path
) -> None:
    async with signed_in(journal, tmp_path, read_scopes=("a",), write_scopes=("a",)) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.says = {"scope": "a admin"}
        with pytest.raises(AilyusError, match="wider_scope"):
            await world.replica().value(world.target.read, "")
        assert ((await world.row()).state, world.endpoint.revoked) == ("needs_person", ["rt-1"])


async def test_the_scopes_that_a_refresh_gave_are_those_that_people_see(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path, read_scopes=("a", "b"), write_scopes=("a", "b")) as world:
        row = await world.sign_in(expires_in=0)
        assert row.scopes == ("a", "b")
        world.endpoint.says = {"scope": "b"}
        await world.replica().value(world.target.read, "")
        assert (await world.row()).scopes == ("b",)


async def test_a_server_that_does_not_rotate_keeps_its_refresh_token(journal: Journal, tmp_path: Path) -> None:
    async with signed_in(journal, tmp_path) as world:
        await world.sign_in(expires_in=0)
        world.endpoint.says = {"refresh_token": None}
        assert await world.replica().value(world.target.read, "") == "at-1"
        assert world.grants.opened(await world.row()).refresh == "rt-0"
