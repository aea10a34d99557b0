"""`/readyz` of a real gateway: false at each fault, true again by itself, and nothing private in it."""

import asyncio
import ctypes
import os
import resource
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from adapters.browser.launch import find_browser
from contracts.errors import AilyusError
from receipts.store.sqlite_file import own
from server.admin.health.gateway_checks import MIN_FREE, health_of
from server.admin.health.report import HealthReport
from tests.helpdesk.desk import Desk
from tests.postgres import serving
from tests.slowness import scaled
from tests.until import until
from tests.web import web
from tests.world import Sandbox, Served, World, gateway, make_workspace

CHECKS = ["store", "log", "signer", "release", "clock", "lease", "connections", "browser"]
HOUR = 3_600_000
UNLOCK = {"user_id": "00u2leo000001", "reason": "locked out since this morning"}


class Probe:
    """A load balancer: it asks without a token."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http = http
        self._base = url.removesuffix("/mcp")

    async def get(self, path: str = "/readyz") -> tuple[int, HealthReport]:
        answer = await self._http.get(self._base + path)
        return answer.status_code, HealthReport.model_validate_json(answer.content)

    async def failing(self, path: str = "/readyz") -> dict[str, str]:
        status, report = await self.get(path)
        assert (status == 200) is report.ok
        return {line.check: line.says for line in report.checks if not line.ok}

    async def becomes(self, *checks: str, path: str = "/readyz") -> dict[str, str]:
        """Wait until these checks fail, among others; or none at all where none is named."""
        end = time.monotonic() + scaled(30)
        while True:
            found = await self.failing(path)
            if set(checks) <= found.keys() if checks else not found:
                return found
            assert time.monotonic() < end, found
            await asyncio.sleep(0.02)


@asynccontextmanager
async def probing(url: str) -> AsyncIterator[Probe]:
    async with web() as http:
        yield Probe(http, url)


@pytest.mark.both_stores
async def test_a_gateway_that_is_well_is_ready_and_says_nothing_private(world: World) -> None:
    async with probing(world.url) as probe:
        status, report = await probe.get()
        assert status == 200
        assert [line.check for line in report.checks] == CHECKS
        status, alive = await probe.get("/livez")
        assert status == 200
        assert [line.check for line in alive.checks] == ["loop", "writer", "recovery"]
    said = (report.encoded() + alive.encoded()).decode()
    release = world.app.runner.release
    private = [world.app.workspace.root, release.digest[:8], *release.people.by_name, *release.targets, "127.0.0.1"]
    assert [text for text in private if str(text) in said] == []


@pytest.mark.both_stores
async def test_a_probe_changes_nothing_that_anybody_asks_for(world: World) -> None:
    store = world.app.store
    changes, size, high = store.changes, store.size, store.high_water_ms
    for _ in range(3):
        await store.probe()
    assert (store.changes, store.size, store.high_water_ms) == (changes, size, high)


@pytest.mark.of_a_file
async def test_a_clock_that_jumps(world: World) -> None:
    store = world.app.store
    clock = store._clock
    async with probing(world.url) as probe:
        store._clock = lambda: clock() - HOUR
        assert "clock" in await probe.becomes("clock")
        store._clock = clock
        await probe.becomes()
        store._clock = lambda: clock() + HOUR
        await probe.becomes("clock")
        await store.probe()
        await store.probe()
        store._clock = clock
        await probe.becomes()
    # the probes that were made while it was ahead hold nothing up
    assert (await world.call("unlock_user", UNLOCK))["status"] == "confirmed"


@pytest.mark.of_a_file
async def test_a_lock_that_was_taken_away(world: World) -> None:
    lock = world.app.workspace.private / "store.db.lock"
    async with probing(world.url) as probe:
        lock.unlink()
        assert "lease" in await probe.becomes("lease")
        await probe.becomes()
        with pytest.raises(AilyusError, match="another process owns this store"):
            own(world.app.workspace.store)
    assert (await world.call("unlock_user", UNLOCK))["status"] == "confirmed"


@pytest.mark.of_a_file
async def test_a_lock_that_another_process_took(world: World) -> None:
    (world.app.workspace.private / "store.db.lock").unlink()
    taken = own(world.app.workspace.store)
    try:
        async with probing(world.url) as probe:
            await probe.becomes("lease", "store")
            assert "writer" in await probe.becomes("writer", path="/livez")
        answer = await world.call("unlock_user", UNLOCK)
        assert answer["error"]["code"] == "store_unavailable"
        assert world.sandbox.writes() == 0
    finally:
        os.close(taken)


@pytest.mark.of_a_file
async def test_a_head_file_that_is_behind(world: World) -> None:
    path = world.app.store.head_path
    text = path.read_bytes()
    async with probing(world.url) as probe:
        path.write_bytes(f"1 {'0' * 64}\n".ljust(128).encode())
        assert "behind" in (await probe.becomes("log"))["log"]
        path.write_bytes(text)
        await probe.becomes()


@pytest.mark.of_a_file
async def test_statements_that_no_checkpoint_covers(world: World) -> None:
    """Whoever writes past the gateway: what stands there is signed by no checkpoint."""
    writer = world.app.store._connection
    async with probing(world.url) as probe:
        row = writer.execute("SELECT * FROM statements ORDER BY leaf_index DESC LIMIT 1").fetchone()
        names = [column[1] for column in writer.execute("PRAGMA table_info(statements)")]
        forged = dict(zip(names, row, strict=True)) | {"leaf_index": row[names.index("leaf_index")] + 7, "id": "rcp_x"}
        places = ", ".join("?" * len(forged))
        writer.execute(f"INSERT INTO statements ({', '.join(forged)}) VALUES ({places})", tuple(forged.values()))
        assert "cover" in (await probe.becomes("log"))["log"]
        writer.execute("DELETE FROM statements WHERE id = 'rcp_x'")
        await probe.becomes()


@contextmanager
def no_room(pid: int) -> Iterator[None]:
    """A quota of nothing: no file of this process grows."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def test_a_quota_that_is_used_up(tmp_path: Path, sandbox: Sandbox) -> None:
    served = Served(make_workspace(tmp_path / "w", sandbox))
    url = await asyncio.to_thread(served.start)
    try:
        async with probing(url) as probe:
            await probe.becomes()
            assert served.process is not None
            log = served.workspace.private / "serve.log"
            await until(lambda: "the console is at" in log.read_text(), 20)  # what it writes at its start is written
            with no_room(served.process.pid):
                assert "store" in await probe.becomes("store")
                assert await probe.failing("/livez") == {}
            await probe.becomes()
    finally:
        await asyncio.to_thread(served.stop)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes; for root alone."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={size}".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")  # EPERM is a PermissionError
    try:
        yield folder
    finally:
        libc.umount2(os.fsencode(folder), 2)  # lazily: whatever is still open there goes with its process


def may_mount(folder: Path) -> bool:
    try:
        with small_disk(folder, MIN_FREE):
            return True
    except PermissionError:
        return False


async def test_a_disk_that_is_full(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one where this user may make one; else what the system says of one."""
    filler = tmp_path / "disk" / "filler"
    if may_mount(tmp_path / "try"):
        with small_disk(tmp_path / "disk", MIN_FREE * 3) as disk:
            async with gateway(make_workspace(disk / "w", sandbox), sandbox) as world, probing(world.url) as probe:
                await probe.becomes()
                with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
                    while file.write(b"x" * 1_000_000):
                        pass
                assert "the disk is full" in (await probe.becomes("store"))["store"]
                answer = await world.call("unlock_user", UNLOCK)
                assert answer["status"] in ("confirmed", "invalid"), answer  # the log may have had room for it
                filler.unlink()
                await probe.becomes()
                answer = await world.call("unlock_user", UNLOCK)
                assert answer["status"] == "confirmed", answer
        return
    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as world, probing(world.url) as probe:
        with monkeypatch.context() as patch:
            usage = shutil.disk_usage(tmp_path)
            patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=MIN_FREE - 1))
            assert "full" in (await probe.becomes("store"))["store"]
        await probe.becomes()


async def test_a_database_that_is_gone(tmp_path: Path, sandbox: Sandbox) -> None:
    with serving() as server:
        url = server.database("gone")
        async with gateway(make_workspace(tmp_path / "w", sandbox, database=url), sandbox) as world:
            async with probing(world.url) as probe:
                await probe.becomes()
                await asyncio.to_thread(server.stop)  # by its process id
                await probe.becomes("store", "log", "lease")
                assert await probe.failing("/livez") == {}
                await asyncio.to_thread(server.start)
                await probe.becomes()
            assert (await world.call("unlock_user", UNLOCK))["status"] == "confirmed"


@pytest.fixture
async def replica(tmp_path: Path, sandbox: Sandbox, postgres: Any) -> AsyncIterator[tuple[World, asyncpg.Connection]]:
    """A gateway over a database, and a session there that is none of its own."""
    url = postgres.database(f"health_{secrets.token_hex(4)}")
    async with gateway(make_workspace(tmp_path / "w", sandbox, database=url), sandbox) as world:
        connection = await asyncpg.connect(url)
        try:
            yield world, connection
        finally:
            await connection.close()


async def test_a_replica_that_hears_nothing_any_more(replica: tuple[World, asyncpg.Connection]) -> None:
    world, connection = replica
    async with probing(world.url) as probe:
        await connection.execute("BEGIN; LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
        found = await probe.becomes("lease", "store")
        assert "nothing leaves" in found["lease"]
        await connection.execute("ROLLBACK")
        await probe.becomes()


async def test_a_database_whose_last_commit_is_ahead_of_its_clock(replica: tuple[World, asyncpg.Connection]) -> None:
    _, connection = replica
    async with probing(replica[0].url) as probe:
        await connection.execute("UPDATE head SET high_water_ms = high_water_ms + 3600000")
        assert "behind" in (await probe.becomes("clock"))["clock"]
        await connection.execute("UPDATE head SET high_water_ms = high_water_ms - 3600000")
        await probe.becomes()


async def test_a_session_that_was_ended(replica: tuple[World, asyncpg.Connection]) -> None:
    world, connection = replica
    async with probing(world.url) as probe:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await probe.becomes("store")
        await probe.becomes()


async def test_a_release_that_is_not_the_live_one(replica: tuple[World, asyncpg.Connection]) -> None:
    """As another replica leaves it that released something which this one has no files of."""
    world, connection = replica
    mine = world.app.runner.release.digest
    change = "UPDATE meta SET value = $1 WHERE key = 'release'"
    bump = "UPDATE meta SET value = (value::int + 1)::text WHERE key = 'epoch'"
    async with probing(world.url) as probe:
        await connection.execute(change, "0" * 64)
        await connection.execute(bump)
        assert "another one is live" in (await probe.becomes("release"))["release"]
        await connection.execute(change, mine)
        await connection.execute(bump)
        await probe.becomes()


async def test_a_browser_that_contracts_need_and_nobody_installed(desk: Desk) -> None:
    app = desk.world.app
    for path, well in (("/nowhere/chromium", False), (str(find_browser()), True)):
        monitor = health_of(app.releases, app.recovery, path)
        await monitor.start()
        try:
            (line,) = [line for line in monitor.ready().checks if line.check == "browser"]
            assert line.ok is well, line
        finally:
            await monitor.stop()


async def test_a_gateway_that_ends_says_so_first_and_serves_on(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    path = workspace.root / "ailyus.toml"
    path.write_text(path.read_text().replace("[server]\n", '[server]\ndrain = "600s"\n'))
    served = Served(workspace)
    url = await asyncio.to_thread(served.start)
    assert served.process is not None
    try:
        async with probing(url) as probe:
            await probe.becomes()
            served.process.terminate()
            assert "serving" in await probe.becomes("serving")
            assert await probe.failing("/livez") == {}
            async with web() as http:  # who comes is still answered
                headers = {"authorization": f"Bearer {served.token()}", "accept": "application/json, text/event-stream"}
                body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
                assert (await http.post(url, json=body, headers=headers)).status_code == 200
            served.process.terminate()  # told twice, it waits no longer
            await until(lambda: served.process is not None and served.process.poll() is not None, 30)
    finally:
        served.kill()
