"""The checks of one gateway: its store and log, its release, its clock, its lease, its browser."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from typing import Final

from adapters.browser.launch import check_driver, find_browser
from contracts.errors import AilyusError
from policies.release import Release
from receipts.log.head import remembered
from receipts.store.health import log_sizes
from receipts.store.store import Store
from server.actions.recovery import RecoveryLoop
from server.admin.health.check import HealthCheck, HealthResult
from server.admin.health.clock_check import ClockCheck
from server.admin.health.monitor import HealthMonitor
from server.admin.health.page_use import uses_pages
from server.operations.connection_notice import lost
from server.operations.releases import Releases

MIN_FREE: Final = 8 * 1024 * 1024
"""Bytes that the disk of the store must have left: what one group of commits may take."""
MAX_UNSEEN_SECONDS: Final = 1.5
"""How old a replica's knowledge of halts may be; after 1 s nothing leaves, and a busy machine may be late once."""
_WRITE_SECONDS: Final = 1.0


def health_of(
    releases: Releases, recovery: RecoveryLoop, browser: str | None, further: Sequence[HealthCheck] = ()
) -> HealthMonitor:
    """The monitor of a gateway; `browser` is the one that the settings name, `further` are checks of what they add."""
    runner, journal = releases.runner, releases.runner.journal
    store, controls = journal.store, journal.controls
    ready = [
        HealthCheck("store", lambda: _store(store), _WRITE_SECONDS),
        HealthCheck("log", lambda: _log(store)),
        HealthCheck("signer", lambda: _signer(store)),
        HealthCheck("release", lambda: _release(releases, controls.live)),
        HealthCheck("clock", ClockCheck(store).look),
        HealthCheck("lease", lambda: _lease(store, controls.unseen_seconds if store.shared else 0.0)),
        HealthCheck("connections", lambda: _connections(store, runner.release), _WRITE_SECONDS),
        HealthCheck("browser", _BrowserCheck(lambda: runner.release, browser).look, _WRITE_SECONDS),
        *further,
    ]
    alive = [HealthCheck("writer", lambda: _writer(store)), HealthCheck("recovery", lambda: _recovery(recovery))]
    return HealthMonitor(ready, alive)


async def _store(store: Store) -> HealthResult:
    """A real commit, through the writer that everybody waits for: what it cannot write, nobody can."""
    try:
        free = (await asyncio.to_thread(shutil.disk_usage, store.path.parent)).free
        if free < MIN_FREE:  # guard: a disk that is almost full
            return HealthResult(False, f"the disk is full: {free // 1024} KiB are left")
        await store.probe()
    except AilyusError as error:
        return HealthResult(False, error.sentence)
    return HealthResult(True, "it is written to")


async def _log(store: Store) -> HealthResult:
    """The signed checkpoint covers every statement, and the head that is remembered is no older than the log's."""
    before = store.size
    head = await asyncio.to_thread(remembered, store.head_path)
    sizes = await log_sizes(store)
    if sizes.statements != sizes.checkpoint:
        return HealthResult(False, "the last checkpoint does not cover every statement")
    if sizes.checkpoint < before:
        return HealthResult(False, "the log is shorter than it was")
    if before and (head is None or head.size < before):
        # a database's head is remembered just after its commit: that is looked at once more
        await asyncio.sleep(0.05)
        head = await asyncio.to_thread(remembered, store.head_path)
        if head is None or head.size < before:
            return HealthResult(False, "the remembered head is behind the log")
    return HealthResult(True, "its head is that of its last statement")


async def _signer(store: Store) -> HealthResult:
    """What the signer of the log said last: each look of the `store` asks it anew."""
    remote = store.signer.remote
    if remote is None:
        return HealthResult(True, "the key of the log is held here")
    return HealthResult(not remote.fault, f"`{remote.name}` {remote.fault or 'signs'}")


async def _release(releases: Releases, live: str) -> HealthResult:
    # another replica may have released something that this one cannot take: it serves nobody until it can
    if releases.runner.release.digest != live:
        why = f" ({releases.behind.code}): see `ailyus doctor`" if releases.behind is not None else ""
        return HealthResult(False, f"another one is live than is loaded here{why}")
    if releases.refused is not None:
        told = f"a candidate was refused ({releases.refused.code}): see `ailyus doctor`"
        return HealthResult(True, f"the live one is loaded; {told}")
    return HealthResult(True, "the live one is loaded")


async def _lease(store: Store, unseen_seconds: float) -> HealthResult:
    if not await asyncio.to_thread(store.is_owner):
        return HealthResult(False, "the store is not this process's any more")
    if unseen_seconds > MAX_UNSEEN_SECONDS:
        return HealthResult(False, "halts of other replicas were not heard of lately: nothing leaves")
    return HealthResult(True, "it is held")


async def _connections(store: Store, release: Release) -> HealthResult:
    """A connection that needs a person is told, and keeps no gateway from serving all others."""
    count = len({row.connection for row in await lost(store, release.targets.values())})
    if count:
        needs = "one connection needs" if count == 1 else f"{count} connections need"
        return HealthResult(True, f"{needs} a person: see `ailyus connection list`")
    return HealthResult(True, "none needs a person")


async def _writer(store: Store) -> HealthResult:
    failed = store.failed is not None
    return HealthResult(not failed, "nothing more is written until a restart" if failed else "it writes")


async def _recovery(recovery: RecoveryLoop) -> HealthResult:
    alive = recovery.is_alive
    return HealthResult(alive, "it carries on" if alive else "nothing is carried on until a restart")


class _BrowserCheck:
    """Is there a browser, where the contracts of the release use one? Whether it opens says `ailyus doctor`."""

    def __init__(self, release: Callable[[], Release], path: str | None) -> None:
        self._release = release
        self._path = path
        self._needed: tuple[str, bool] = ("", False)

    async def look(self) -> HealthResult:
        release = self._release()
        if self._needed[0] != release.digest:
            self._needed = (release.digest, uses_pages(release))
        if not self._needed[1]:
            return HealthResult(True, "no contract uses one")
        found = await asyncio.to_thread(self._usable)
        return HealthResult(found, "there is one" if found else "there is none, and contracts use one")

    def _usable(self) -> bool:
        try:
            check_driver()
        except AilyusError:
            return False
        return find_browser(self._path) is not None
