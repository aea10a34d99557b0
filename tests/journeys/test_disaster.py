"""The drill: a backup under load, a machine that is lost, a restore on another one, and a log that says so for ever."""

import asyncio
import contextlib
import itertools
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from receipts.audit.proof import write_proof
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from receipts.store.row import Read
from server.workspace.settings.file import FILE
from server.workspace.stores import reading
from tests.journeys.served import call_tool, token_of
from tests.postgres import Postgres
from tests.slowness import scaled
from tests.until import until
from tests.world import MARIA, Sandbox, Served, Workspace, add_records, cli

pytestmark = pytest.mark.both_stores
CLIENTS = 3


class Load:
    """Agents that write one event after the other, each under a name of its own; what was confirmed to them."""

    def __init__(self, url: str, token: str) -> None:
        self.confirmed: list[str] = []
        self._tasks = [asyncio.create_task(self._run(url, token, letter)) for letter in "abcdefgh"[:CLIENTS]]

    async def _run(self, url: str, token: str, letter: str) -> None:
        for one in itertools.product("abcdefgh", repeat=4):
            name = f"event{letter}{''.join(one)}"
            answer = await call_tool(url, token, "add_event", {"record": "r1", "name": name})
            if answer.get("status") == "confirmed":
                self.confirmed.append(name)

    async def reaches(self, count: int) -> None:
        await until(lambda: len(self.confirmed) >= count)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(BaseException):
                await asyncio.wait_for(task, scaled(5))


def another_machine(workspace: Workspace, folder: Path, url: str) -> Workspace:
    """The files of a workspace and its keys in another folder; nothing of the store, nor of what it remembered."""
    left = shutil.ignore_patterns("store.db*", "store.head", "owner*.json", "serve.log", "door-*")
    shutil.copytree(workspace.root, folder, ignore=left)
    if url:
        (folder / ".ailyus" / "secrets" / "store").write_text(url + "\n")
    return Workspace.open(folder)


def events(sandbox: Sandbox) -> list[str]:
    found = sandbox.state()["acme"]["records"]["records"]["r1"]["events"]
    return [event["name"] for event in found]


def proven(workspace: Workspace, receipts: list[str]) -> int:
    """How many of these receipts have a proof that holds in the log as it is now."""
    roots = read_roots(workspace.root / "roots.json")

    def each(read: Read) -> int:
        return sum(bool(verify(write_proof(read, one, None, disclose=True).encoded(), roots)) for one in receipts)

    with reading(workspace) as read:
        return each(read)


def rows(workspace: Workspace, sql: str) -> list[Any]:
    def run() -> list[Any]:
        with reading(workspace) as read:
            return read(sql)

    with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
        return pool.submit(run).result()


def size(workspace: Workspace) -> int:
    return int(rows(workspace, "SELECT count(*) FROM statements")[0][0])


async def test_a_lost_machine_is_replaced(
    tmp_path: Path, sandbox: Sandbox, database: str, request: pytest.FixtureRequest
) -> None:
    workspace = add_records(tmp_path / "w", sandbox, database)
    out, kept = tmp_path / "backup.db", tmp_path / "newer.checkpoint"
    served = Served(workspace)
    url = await asyncio.to_thread(served.start)
    token = await token_of(workspace)
    waits = await call_tool(url, token, "reset_user_mfa", MARIA)
    assert waits["status"] == "approval_required"
    load = Load(url, token)
    await load.reaches(6)
    said = orjson.loads(await cli_at(workspace, "store", "backup", str(out), "--format", "json"))
    # the original goes on: what waited in the backup is approved and sent, and a verifier keeps a newer checkpoint
    await cli_at(workspace, "approval", "approve", waits["action_id"], "--yes", "--as", "lead")
    await until(lambda: sandbox.effects("reset_factors") == 1)
    await load.reaches(len(load.confirmed) + 6)
    await cli_at(workspace, "audit", "--checkpoint", str(kept))
    await asyncio.to_thread(served.kill)
    await load.end()
    before = sorted(events(sandbox))

    fresh = ""
    if database:
        server: Postgres = request.getfixturevalue("postgres")
        fresh = server.database(f"another_machine_{database.rpartition('/')[2]}")
    elsewhere = another_machine(workspace, tmp_path / "elsewhere", fresh)
    restored = orjson.loads(await cli_at(elsewhere, "store", "restore", str(out), "--format", "json"))
    assert (restored["size"], restored["root"]) == (said["size"], said["root"])
    assert "came out of a backup" in await cli_at(elsewhere, "serve", ok=False)
    lost = orjson.loads(await cli_at(elsewhere, *accepting(), "--format", "json"))
    assert lost["restored"] == {"size": said["size"], "root": said["root"]}
    assert lost["remembered"] is None
    assert waits["action_id"] in lost["actions"]
    assert "nothing was lost" in await cli_at(elsewhere, *accepting(), ok=False)

    served = Served(elsewhere)
    try:
        url = await asyncio.to_thread(served.start)
        with contextlib.closing(sqlite3.connect(f"file:{out}?mode=ro", uri=True)) as backup:
            sql = "SELECT id FROM statements WHERE action_id IS NOT NULL AND kind IN ('intent', 'outcome', 'decision')"
            receipts = [str(row[0]) for row in backup.execute(sql)]

        # all that was open ends, and none of it is sent: not even what was approved after the backup
        await until(lambda: rows(elsewhere, "SELECT 1 FROM actions WHERE state <> 'ended'") == [])
        answer = await call_tool(url, token, "get_action", {"action_id": waits["action_id"]})
        assert answer["status"] == "cancelled"
        assert "restored from a backup" in answer["summary"]
        held = await call_tool(url, token, "add_event", {"record": "r1", "name": "early"})
        assert held["status"] == "denied"
        await cli_at(elsewhere, "halt", "lift", "all", "--as", "lead")
        # it goes on, past the checkpoint that the verifier kept
        after = Load(url, token)
        await until(lambda: size(elsewhere) > int(kept.read_text().split("\n")[1]) + 2, 30.0)
        await after.end()
        assert "is not a continuation of the older checkpoint" in await cli_at(
            elsewhere, "audit", "--since", str(kept), ok=False
        )
        told = await cli_at(elsewhere, "audit")
        assert "ok: nothing is missing and nothing was changed" in told
        assert f"`lead` accepted a loss at leaf {said['size']}" in told
        assert await asyncio.to_thread(proven, elsewhere, receipts) == len(receipts) > 6
        assert sandbox.effects("reset_factors") == 1
        now = events(sandbox)
        assert len(now) == len(set(now)), "an event was added twice"
        assert set(before) <= set(now)
        assert "early" not in now
    finally:
        served.stop()


def accepting(reason: str = "the machine broke") -> tuple[str, ...]:
    return ("store", "accept-loss", "--as", "lead", "--reason", reason)


async def cli_at(workspace: Workspace, *arguments: str, ok: bool = True) -> str:
    assert (workspace.root / FILE).exists()
    return await asyncio.to_thread(cli, *arguments, cwd=workspace.root, ok=ok)
