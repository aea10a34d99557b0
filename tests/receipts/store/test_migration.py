"""Stores of every earlier version, and a store that goes from a file to a database."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from receipts.store import sqlite_schema
from receipts.store.postgres import PostgresStore
from receipts.store.postgres_schema import migrate
from receipts.store.sqlite import SqliteStore
from receipts.store.transfer import transfer
from server.workspace.settings_file import FILE
from server.workspace.workspace import Workspace
from tests.journeys.served import call_tool
from tests.postgres import Postgres
from tests.receipts import making
from tests.receipts.making import SIGNER
from tests.slowness import scaled
from tests.until import until
from tests.world import LEO, MARIA, ROOT, Sandbox, Served, add_records, cli, gateway, make_workspace

VECTORS = ROOT / "tests" / "vectors"
LATEST = 10


@pytest.mark.parametrize("version", range(1, LATEST))
def test_a_file_of_each_earlier_version(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.executescript((VECTORS / "store_v1.sql").read_text())
    for step in range(2, version + 1):
        connection.executescript((ROOT / "receipts" / "store" / "migrations" / f"{step}.sql").read_text())
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    assert sqlite_schema.migrate(path) == (version, LATEST)
    assert sqlite_schema.migrate(path) == (LATEST, LATEST)
    SqliteStore(tmp_path / "fresh.db", SIGNER, "ailyus.test").close()
    assert tables(path) == tables(tmp_path / "fresh.db")


def test_times_that_meant_never_become_columns(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((VECTORS / "store_v1.sql").read_text())
        for step in range(2, 10):
            connection.executescript((ROOT / "receipts" / "store" / "migrations" / f"{step}.sql").read_text())
        connection.execute("PRAGMA user_version = 9")
        for name, next_ms in (("given up", 2**52), ("open", 7)):
            connection.execute(
                "INSERT INTO notices VALUES (?, 'act', 'waiting', ?, 0, 5, ?, NULL)", (name, name, next_ms)
            )
            connection.execute(
                "INSERT INTO escalations VALUES (?, 'act', ?, 0, 5, ?, NULL, NULL, NULL)", (name, name, next_ms)
            )
        connection.commit()
    sqlite_schema.migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table, column in (("notices", "failed_ms"), ("escalations", "handed_on_ms")):
            rows = connection.execute(f"SELECT id, next_ms, {column} FROM {table} ORDER BY id").fetchall()
            assert rows == [("given up", 5, 5), ("open", 7, None)]


def tables(path: Path) -> dict[str, set[object]]:
    connection = sqlite3.connect(path)
    try:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {n: {row[1:4] for row in connection.execute(f"PRAGMA table_info({n})")} for n in names}
        found["indexes"] = set(connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index'"))
        ((halts,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'halts'")
        assert "'route'" in halts
        return found
    finally:
        connection.close()


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "store.db", SIGNER, "ailyus.test").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute(f"PRAGMA user_version = {LATEST + 1}")
    with pytest.raises(AilyusError, match=f"version {LATEST + 1}"):
        SqliteStore(tmp_path / "store.db", SIGNER, "ailyus.test")


async def columns(url: str) -> set[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        sql = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        indexes = "SELECT indexdef FROM pg_indexes"
        found = [f"{sql} WHERE table_schema = 'public'", f"{indexes} WHERE schemaname = 'public'"]
        return {tuple(row) for query in found for row in await connection.fetch(query)}
    finally:
        await connection.close()


async def told_to(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(text)
    await connection.close()


async def test_a_database_of_each_earlier_version(postgres: Postgres, tmp_path: Path) -> None:
    old, fresh = postgres.database("version_1"), postgres.database("version_now")
    await told_to(old, (VECTORS / "store_postgres_v1.sql").read_text())

    def opened(url: str) -> PostgresStore:
        return PostgresStore(url, tmp_path / "store.db", SIGNER, "ailyus.test")

    with pytest.raises(AilyusError, match="ailyus store migrate"):
        await asyncio.to_thread(opened, old)
    assert await asyncio.to_thread(migrate, old) == (1, 7)
    store = await asyncio.to_thread(opened, old)
    assert await asyncio.to_thread(migrate, old) == (7, 7)  # nothing to do, so gateways may go on
    await told_to(old, "UPDATE head SET version = 6")
    with pytest.raises(AilyusError, match="a gateway uses the database"):
        await asyncio.to_thread(migrate, old)
    await told_to(old, "UPDATE head SET version = 7")
    await store.aclose()
    assert await asyncio.to_thread(migrate, fresh) == (7, 7)
    assert await columns(old) == await columns(fresh)


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
