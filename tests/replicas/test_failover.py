"""What the database's own failures may not do to a gateway that runs: two real servers, one way to them."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.faults.replicas import Way
from tests.postgres import Postgres, serving
from tests.replicas.database import with_database
from tests.until import until
from tests.world import Sandbox, add_records, gateway


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server of this test alone."""
    with serving() as server:
        yield server


@pytest.fixture
def way(own: Postgres) -> Iterator[Way]:
    """In a thread of its own: a gateway in this process opens its store before its loop runs."""
    loop, made = asyncio.new_event_loop(), Way(own.port)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.begin(), loop).result()
    made.loop = loop
    yield made
    asyncio.run_coroutine_threadsafe(made.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def sql(url: str, *texts: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for text in texts:
            await connection.execute(text)
    finally:
        await connection.close()


async def test_a_commit_that_is_cancelled_while_it_waits_sends_nothing(
    tmp_path: Path, sandbox: Sandbox, own: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("receipts.journal.lease", "server.actions.recovery", "receipts.journal.plan_transitions"):
        monkeypatch.setattr(f"{name}.LEASE_MS", 1500)
    url = own.database("cancelled")
    async with gateway(with_database(add_records(tmp_path / "w", sandbox), url), sandbox) as world:
        await sql(url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
        await asyncio.sleep(0.5)
        call = asyncio.create_task(world.call("set_value", {"record": "r1", "value": "x"}))
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        cancelled = 0
        while cancelled < 3:
            await asyncio.sleep(0.05)
            cancelled += await answered(url, cancel)
        assert sandbox.writes() == 0
        await sql(url, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        # the intent is durable here all the same: it is found, and settled by what the target says
        answer = await call
        assert answer["status"] == "running", answer
        assert (await world.get(answer["action_id"]))["status"] == "confirmed"
    assert sandbox.effects() == 1


async def answered(url: str, text: str) -> int:
    """How many rows a statement gives."""
    connection = await asyncpg.connect(url)
    try:
        return len(await connection.fetch(text))
    finally:
        await connection.close()


async def test_a_gateway_that_runs_does_not_go_on_at_a_promoted_standby(
    tmp_path: Path, sandbox: Sandbox, own: Postgres, way: Way
) -> None:
    url = own.database("promoted").replace(f":{own.port}/", f":{way.port}/")
    async with gateway(with_database(add_records(tmp_path / "w", sandbox), url), sandbox) as world:
        assert (await world.call("set_value", {"record": "r1", "value": "x"}))["status"] == "confirmed"
        standby = await asyncio.to_thread(own.standby, own.folder.parent / "standby")
        try:
            assert (await world.call("set_value", {"record": "r1", "value": "y"}))["status"] == "confirmed"
            own.stop()
            await asyncio.to_thread(standby.promote)
            way._port = standby.port
            way.loop.call_soon_threadsafe(way.cut)
            way.loop.call_soon_threadsafe(way.mend)
            writes = sandbox.writes()
            for value in ("a", "b"):
                answer = await world.call("set_value", {"record": "r1", "value": value})
                assert answer["status"] == "invalid", answer
            assert sandbox.writes() == writes
            await until(lambda: world.app.store._failed == "the database is another one, or was promoted")
        finally:
            standby.stop()
