"""A store of each earlier version, with rows in it, is migrated and served: receipts verify, what was open goes on.

The rows are those of a gateway of today, taken while one action waits for people and another one is out. A store of an
earlier version holds of them what its tables had columns for.
"""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from receipts.store import postgres_schema, sqlite_schema
from receipts.store.data_keys import opened
from receipts.store.row import Read
from server.workspace.stores import data_keys, migrate_store
from server.workspace.workspace import Workspace
from tests.postgres import Postgres
from tests.replicas.database import with_database
from tests.replicas.pair import copied
from tests.until import until
from tests.world import MARIA, ROOT, Sandbox, World, add_records, gateway

VECTORS = ROOT / "tests" / "vectors"
STEPS = ROOT / "receipts" / "store" / "migrations"
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Past:
    """A store in the middle of its life: its rows, its workspace, its target, and what became of three actions."""

    workspace: Workspace
    rows: Rows
    target: Any
    receipt: str
    waiting: str
    out: str


async def lived(folder: Path, sandbox: Sandbox, database: str) -> Past:
    """One action is confirmed, one waits for people, and one has an effect, but no answer."""
    workspace = add_records(folder, sandbox)
    async with gateway(with_database(workspace, database) if database else workspace, sandbox) as world:
        done = await world.call("set_value", {"record": "r1", "value": "x"})
        asked = await world.call("reset_user_mfa", MARIA)
        sandbox.fault("hang_after_effect", "records/r1", "records")
        call = asyncio.create_task(world.call("set_value", {"record": "r1", "value": "y"}))
        await until(lambda: sandbox.state()["acme"]["records"]["records"]["r1"]["value"] == "y")
        ((out,),) = world.rows("SELECT id FROM actions WHERE state = 'running'")
        rows = await database_rows(database) if database else await asyncio.to_thread(file_rows, workspace.store)
        past = Past(
            world.workspace,
            await asyncio.to_thread(plain, world, rows),
            sandbox.state(),
            done["receipt_id"],
            asked["action_id"],
            out,
        )
        assert [row["state"] for row in rows["actions"] if row["id"] == out] == ["running"]
        sandbox.heal()
        await call
        return past


def plain(world: World, rows: Rows) -> Rows:
    """The same as they were before anything was sealed."""

    def work(read: Read) -> Rows:
        keys = data_keys(world.workspace, read)
        return {
            name: [dict(zip(row, opened(keys, [tuple(row.values())], read)[0], strict=True)) for row in of]
            for name, of in rows.items()
        }

    return world._reading(work)


def file_rows(path: Path) -> Rows:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in tables(connection)}


def tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]


async def database_rows(url: str) -> Rows:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return {name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")] for (name,) in names}
    finally:
        await connection.close()


def lay_file(path: Path, version: int, rows: Rows) -> None:
    """A file of this version with these rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((VECTORS / "store_v1.sql").read_text())
        for step in range(2, version + 1):
            connection.executescript((STEPS / f"{step}.sql").read_text())
        for name in tables(connection):
            had = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
            for row in rows[name]:
                kept = {key: value for key, value in row.items() if key in had}
                marks = ", ".join("?" * len(kept))
                connection.execute(f"INSERT INTO {name} ({', '.join(kept)}) VALUES ({marks})", tuple(kept.values()))
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()


async def lay_database(url: str, version: int, rows: Rows) -> None:
    """A database of this version with these rows."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute((VECTORS / "store_postgres_v1.sql").read_text())
        for step in range(2, version + 1):
            await connection.execute((STEPS / "postgres" / f"{step}.sql").read_text())
        await connection.execute("DELETE FROM head; SET session_replication_role = replica")
        columns = "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_identity = 'NO'"
        for (name,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            had = {column for (column,) in await connection.fetch(columns, name)}
            for row in rows[name]:
                kept = {key: value for key, value in row.items() if key in had}
                marks = ", ".join(f"${number}" for number in range(1, len(kept) + 1))
                await connection.execute(f"INSERT INTO {name} ({', '.join(kept)}) VALUES ({marks})", *kept.values())
        await connection.execute(f"UPDATE head SET version = {version}")
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory, sandbox_process: Sandbox) -> Past:
    sandbox_process.reset()
    return asyncio.run(lived(tmp_path_factory.mktemp("past") / "w", sandbox_process, ""))


@pytest.fixture(scope="module")
def of_database(tmp_path_factory: pytest.TempPathFactory, sandbox_process: Sandbox, postgres: Postgres) -> Past:
    sandbox_process.reset()
    return asyncio.run(lived(tmp_path_factory.mktemp("past") / "w", sandbox_process, postgres.database("past")))


@pytest.mark.parametrize("version", range(1, sqlite_schema.SCHEMA_VERSION + 1))
async def test_a_file_of_each_version_is_served(tmp_path: Path, sandbox: Sandbox, of_file: Past, version: int) -> None:
    workspace = copied(of_file.workspace, tmp_path / "w")
    workspace.store.unlink()
    lay_file(workspace.store, version, of_file.rows)
    await goes_on(workspace, sandbox, of_file)
    with closing(sqlite3.connect(workspace.store)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (sqlite_schema.SCHEMA_VERSION,)


@pytest.mark.parametrize("version", range(1, postgres_schema.VERSION + 1))
async def test_a_database_of_each_version_is_served(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres, of_database: Past, version: int
) -> None:
    url = postgres.database(f"of_version_{version}")
    await lay_database(url, version, of_database.rows)
    workspace = copied(of_database.workspace, tmp_path / "w")
    (workspace.private / "secrets" / "store").write_text(url + "\n")
    assert await asyncio.to_thread(migrate_store, workspace) == (version, postgres_schema.VERSION)
    await goes_on(workspace, sandbox, of_database)


async def goes_on(workspace: Workspace, sandbox: Sandbox, past: Past) -> None:
    """What was confirmed verifies, what was out is found, what waits is approved and done, and new calls are taken."""
    sandbox.put(past.target)
    async with gateway(workspace, sandbox) as world:
        assert past.receipt in str(world.proof(past.receipt))
        out = await world.get(past.out)
        assert out["status"] == "confirmed", out
        assert sandbox.effects("records/r1") == 0
        assert world.proof(out["receipt_id"])
        await world.approve(past.waiting)
        done = await world.get(past.waiting)
        assert done["status"] == "confirmed", done
        assert sandbox.effects("reset_factors") == 1
        assert (await world.call("set_value", {"record": "r1", "value": "z"}))["status"] == "confirmed"
        assert found_by_audit(world) == []


def found_by_audit(world: World) -> list[str]:
    roots = read_roots(world.workspace.root / "roots.json")
    return world._reading(lambda read: list(audit(read, roots)))
