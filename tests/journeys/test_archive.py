"""Closed actions go to an archive beside a running gateway; whoever asks for them finds them, or is told where they are."""

import asyncio
import datetime as dt
import shutil
import time
from pathlib import Path

import orjson
import pytest
from mcp.shared.exceptions import MCPError

from tests.replicas.database import with_database
from tests.world import LEO, MARIA, Sandbox, World, add_records, ailyus, cli, gateway

pytestmark = pytest.mark.both_stores
DAY_MS = 86_400_000


def days_later(world: World, days: int) -> None:
    """Let the store's clock go on by so many days."""
    ahead = days * DAY_MS
    world.app.store._own_clock = world.app.store._clock = lambda: time.time_ns() // 1_000_000 + ahead


async def lived(world: World) -> dict[str, str]:
    """An approved write and a permitted one; 100 days later a request that waits, and three writes more."""
    done = await world.reset(MARIA)
    assert done["status"] == "confirmed"
    first = await world.call("set_value", {"record": "r1", "value": "a"})
    days_later(world, 100)
    waits = await world.call("reset_user_mfa", LEO)
    for value in "bcd":
        assert (await world.call("set_value", {"record": "r1", "value": value}))["status"] == "confirmed"
    return {"reset": done["action_id"], "set": first["action_id"], "waits": waits["action_id"]}


def archive_alone(root: Path) -> str:
    return cli("store", "archive", "two.archive", "--before", "2d", cwd=root)


async def archive(world: World, *more: str) -> dict[str, object]:
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=50)).date().isoformat()
    said = await ailyus(world, "store", "archive", "one.archive", "--before", day, "--format", "json", *more)
    return dict(orjson.loads(said))


async def test_what_is_archived_is_read_proved_and_audited(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    if database:
        workspace = with_database(workspace, database)
    async with gateway(workspace, sandbox) as world:
        known = await lived(world)
        before = await world.get(known["set"])
        size = world.app.store.size
        done = await archive(world)
        # the reset is the last action of its contract, which the breaker counts
        assert (done["removed"], done["changed"]) == (1, 0), done
        assert done["held"] == {"breaker": 1}
        assert world.app.store.size == size + 1
        assert world.rows("SELECT count(*) FROM actions WHERE id = ?", known["set"]) == [(0,)]
        assert world.rows("SELECT state FROM actions WHERE id = ?", known["waits"]) == [("waiting",)]
        # the agent, a person at the command line, and a verifier elsewhere see what they saw before
        assert await world.get(known["set"]) == before
        receipt = before["receipt_id"]
        async with world.client() as client:
            read = await client.read_resource(f"receipt://{receipt}")
            assert orjson.loads(read.contents[0].text)["answer"]["status"] == "confirmed"  # type: ignore[union-attr]
        assert "confirmed" in await ailyus(world, "action", "show", known["set"])
        assert receipt in await ailyus(world, "receipt", "show", receipt)
        await ailyus(world, "receipt", "proof", receipt, "--out", str(tmp_path / "proof.json"))
        assert "authentic: yes" in await ailyus(world, "receipt", "verify", str(tmp_path / "proof.json"))
        for command in (("audit",), ("store", "check")):
            assert (await ailyus(world, *command)).startswith("ok: "), command
        # without the file everything but its content is verified, and whoever asks is told where it is
        folder = workspace.private / "archive"
        shutil.move(folder / "one.archive", tmp_path / "one.archive")
        told = await ailyus(world, "audit")
        assert told.startswith("ok: ")
        assert "statements are in the archive `one.archive`, which was not read" in told
        assert "which was not read" not in await ailyus(world, "audit", "--archive", str(tmp_path / "one.archive"))
        for command in (("action", "show", known["set"]), ("receipt", "show", receipt), ("receipt", "proof", receipt)):
            assert f"`{known['set']}` is in the archive `one.archive`" in await ailyus(world, *command, ok=False)
        async with world.client() as client:
            with pytest.raises(MCPError, match=r"is in the archive `one\.archive`"):
                await client.read_resource(f"receipt://{receipt}")
        assert (await world.get(known["set"]))["error"]["code"] == "archived"
        if database:  # somewhere else, as one more replica
            shutil.copytree(
                workspace.root, tmp_path / "job", ignore=shutil.ignore_patterns("owner*", "*.sock", "*.head")
            )
            assert "nothing to archive" in await asyncio.to_thread(archive_alone, tmp_path / "job")
    # without a gateway, in the store itself
    assert "nothing to archive" in await asyncio.to_thread(archive_alone, workspace.root)
    # a start reads the whole log, and a restored copy finds its archives again
    await asyncio.to_thread(cli, "store", "backup", str(tmp_path / "b.db"), cwd=workspace.root)
    if not database:
        shutil.move(tmp_path / "one.archive", folder / "one.archive")
        restored = tmp_path / "restored"
        shutil.copytree(workspace.root, restored, ignore=shutil.ignore_patterns("store.db*", "owner*", "*.sock"))
        await asyncio.to_thread(cli, "store", "restore", str(tmp_path / "b.db"), cwd=restored)
        assert "confirmed" in await asyncio.to_thread(cli, "action", "show", known["set"], cwd=restored)
        assert (await asyncio.to_thread(cli, "audit", cwd=restored)).startswith("ok: ")


async def test_an_archived_action_is_its_owners_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        known = await lived(world)
        await archive(world)
        # also where the file is not at hand: that there is such an action is its owner's alone to know
        (workspace.private / "archive" / "one.archive").rename(tmp_path / "one.archive")
        token = await world.app.agents.add("other", "acme", "lead", "lead", frozenset(), False)
        answer = await world.call("get_action", {"action_id": known["set"]}, token=token)
        assert answer["error"]["code"] == "not_found"


async def test_an_archive_of_another_log_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        await lived(world)
        await archive(world)
        path = str(workspace.private / "archive" / "one.archive")
        assert (await ailyus(world, "audit", "--archive", path)).startswith("ok: ")
        for table in ("archive_leaves", "archive_actions", "archives"):
            await world.app.store.write(lambda txn, table=table: txn.write(f"DELETE FROM {table}", rows=None))
        assert "the log names no archive `one.archive`" in await ailyus(world, "audit", "--archive", path, ok=False)
        assert "the leaves" in await ailyus(world, "audit", ok=False)
        assert "`soon` is neither an age nor a date" in await ailyus(
            world, "store", "archive", "x", "--before", "soon", ok=False
        )
