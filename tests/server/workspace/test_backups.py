"""Backups of a workspace, by the commands: beside a running gateway, and into another folder."""

import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

from receipts.log.head import remembered
from server.workspace.stores import remembered_head
from tests.world import LEO, MARIA, Sandbox, ailyus, cli, gateway, make_workspace

pytestmark = pytest.mark.both_stores


async def test_a_backup_beside_a_gateway_says_what_it_holds(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    out = tmp_path / "b.db"
    async with gateway(workspace, sandbox) as world:
        assert (await world.reset(LEO))["status"] == "confirmed"
        assert (await world.call("reset_user_mfa", MARIA))["status"] == "approval_required"
        said = orjson.loads(await ailyus(world, "store", "backup", str(out), "--format", "json"))
        known = remembered_head(workspace)
        assert known is not None
        assert (said["size"], said["root"], said["open"]) == (known.size, known.root, 1)
        assert said["keyid"] in orjson.loads((workspace.root / "roots.json").read_bytes())["keys"]
        assert "exists already" in await ailyus(world, "store", "backup", str(out), ok=False)
        await ailyus(world, "store", "backup", str(tmp_path / "{time}.db"))
        assert len(list(tmp_path.glob("20*T*Z.db"))) == 1
        # beside a store there is no room for another one
        refused = await ailyus(world, "store", "restore", str(out), ok=False)
        assert ("a gateway uses the database" if database else "another process owns this store") in refused


async def test_a_restore_elsewhere_waits_for_a_person(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    out = tmp_path / "b.db"
    async with gateway(workspace, sandbox) as world:
        await world.reset(LEO)
        await ailyus(world, "store", "backup", str(out))
        await world.reset(MARIA)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(workspace.root, elsewhere, ignore=shutil.ignore_patterns("store.db*"))
    said = await asyncio.to_thread(cli, "store", "restore", str(out), cwd=elsewhere)
    assert "how much came after it is not known here" in said
    assert 'next: ailyus store accept-loss --as PERSON --reason "…"' in said
    refused = await asyncio.to_thread(cli, "serve", cwd=elsewhere, ok=False)
    assert "this store came out of a backup, and what came after it is lost" in refused
    assert "FAIL copy: the store came out of a backup" in await asyncio.to_thread(
        cli, "doctor", cwd=elsewhere, ok=False
    )
    # where the workspace remembers, it says how much is lost
    for suffix in ("", "-wal", "-shm"):
        workspace.store.with_name(workspace.store.name + suffix).unlink(missing_ok=True)
    known = remembered(workspace.store.with_name("store.db.head"))
    said = await asyncio.to_thread(cli, "store", "restore", str(out), cwd=workspace.root)
    assert known is not None
    assert f"this workspace remembers a log of {known.size} statements" in said


async def test_a_store_that_is_older_than_its_head_is_not_backed_up(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        await ailyus(world, "store", "backup", str(tmp_path / "b.db"))
        await world.reset(LEO)
    for suffix in ("-wal", "-shm"):
        workspace.store.with_name(workspace.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(tmp_path / "b.db", workspace.store)
    said = await asyncio.to_thread(cli, "store", "backup", str(tmp_path / "c.db"), cwd=workspace.root, ok=False)
    assert "its last known head is" in said
    assert not (tmp_path / "c.db").exists()


async def test_without_a_store_there_is_nothing_to_back_up(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    said = await asyncio.to_thread(cli, "store", "backup", str(tmp_path / "b.db"), cwd=workspace.root, ok=False)
    assert "there is no store yet" in said
