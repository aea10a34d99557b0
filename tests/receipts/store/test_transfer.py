"""A store that goes from a file to a database: whole, with what is on its way, or not at all."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from receipts.store.transfer import transfer
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.journeys.served import call_tool
from tests.postgres import Postgres
from tests.receipts import making
from tests.slowness import scaled
from tests.until import until
from tests.world import LEO, MARIA, Sandbox, Served, add_records, cli, gateway, make_workspace


async def test_from_a_file_to_a_database(tmp_path: Path, sandbox: Sandbox, postgres: Postgres) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        done = await world.reset(LEO)
        waits = await world.call("reset_user_mfa", MARIA)
        size = world.app.store.size
        assert "another process owns this store" in moved(workspace, postgres.database("too_early"), ok=False)
    moved_to = postgres.database("moved")
    assert f"copied {size} statements and 1 open actions" in moved(workspace, moved_to)
    workspace = Workspace.open(workspace.root)
    assert not workspace.store.exists()
    async with gateway(workspace, sandbox) as world:
        assert world.app.store.size == size  # the same release goes on: nothing was said about it again
        assert world.proof(done["receipt_id"])
        assert await world.get(done["action_id"]) == done
        await world.approve(waits["action_id"])
        answer = await world.get(waits["action_id"])
        assert answer["status"] == "confirmed"
        assert world.proof(answer["receipt_id"])
        roots = read_roots(workspace.root / "roots.json")
        assert await world.app.store.read_aside(lambda read: list(audit(read, roots))) == []
    assert sandbox.effects("reset_factors") == 2
    # a second file, or a database that is not empty, is refused
    assert "there is no store" in moved(workspace, moved_to, ok=False)
    (workspace.private / "store.db.copied").rename(workspace.store)
    assert "holds another store" in moved(workspace, moved_to, ok=False)


async def test_what_was_on_its_way_goes_on_in_the_database(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    served = Served(workspace)
    url = await asyncio.to_thread(served.start)
    token = await asyncio.to_thread(served.token)
    sandbox.fault("hang_after_effect", "events", "records", ms=1500)
    call = asyncio.create_task(call_tool(url, token, "add_event", {"record": "r1", "name": "paid"}))
    await until(sandbox.writes)
    await asyncio.to_thread(served.kill)
    with contextlib.suppress(BaseException):
        await asyncio.wait_for(call, scaled(5))
    assert "1 open actions" in moved(workspace, postgres.database("on_its_way"))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        await until(lambda: world.rows("SELECT 1 FROM actions WHERE state = 'ended' AND status = 'confirmed'"))
    assert sandbox.effects() == 1


async def test_a_damaged_log_is_not_copied(tmp_path: Path, postgres: Postgres) -> None:
    journal = await making.journal_at(tmp_path / "store.db")
    for name in "abc":
        asked = making.action(name)
        await making.conclude(journal, asked, (await making.intend(journal, asked)).fence)
    journal.store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("UPDATE nodes SET hash = zeroblob(32) WHERE level = (SELECT max(level) FROM nodes)")
        connection.commit()
    url = postgres.database("damaged")
    with pytest.raises(AilyusError, match="do not give the root"):
        await asyncio.to_thread(transfer, tmp_path / "store.db", url)
    assert (tmp_path / "store.db").exists()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM statements") == 0
    await connection.close()


def moved(workspace: Workspace, url: str, *, ok: bool = True) -> str:
    """`ailyus store copy`, in a workspace whose settings name this database; as they were when it is refused."""
    path = workspace.root / FILE
    before = path.read_text()
    (workspace.private / "secrets" / "store").write_text(url + "\n")
    if "[store]" not in before:
        path.write_text(before + '\n[store]\nurl = "file:.ailyus/secrets/store"\n')
    said = cli("store", "copy", cwd=workspace.root, ok=ok)
    if not ok:
        path.write_text(before)
    return said


async def test_a_file_that_is_not_there_moves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match=r"there is no store `store.db`"):
        await asyncio.to_thread(transfer, tmp_path / "store.db", "postgres://127.0.0.1:1/none")
    (tmp_path / "store.db").write_text("a letter " * 200)
    with pytest.raises(AilyusError, match="the store cannot be read: file is not a database"):
        await asyncio.to_thread(transfer, tmp_path / "store.db", "postgres://127.0.0.1:1/none")
