"""One warm browser process for all connections: found, started without rights, renewed when it dies or grows old."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.browser.socks_proxy import Wall
from contracts.errors import AilyusError

if TYPE_CHECKING:  # heavy: imported where the first browser starts
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Playwright, StorageState

RENEW_AFTER = 200
"""Contexts that one process serves before it is renewed."""
_PREFIX = "ailyus-browser-"
_STALE_SECONDS = 3600.0
_SPARE_SECONDS = 60.0
"""How long a tab that was made ahead waits for its action."""
_LAUNCH_SECONDS = 20.0
_OPEN_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
_KNOWN = (
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/bin/chromium-headless-shell",
    "/usr/lib/chromium/chromium",
    "/usr/bin/chromium",
)
_OF_PLAYWRIGHT = (
    "chromium_headless_shell-*/chrome-*/headless_shell",
    "chromium_headless_shell-*/chrome-*/chrome-headless-shell",
    "chromium-*/chrome-*/chrome",
)
_ARGUMENTS = (
    "--headless",
    "--remote-debugging-pipe",
    "--block-new-web-contents",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-features=AutofillServerCommunication,MediaRouter,OptimizationHints,Prerender2,Translate",
    "--disable-field-trial-config",
    "--disable-gpu",
    "--disable-hang-monitor",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--use-mock-keychain",
)
_ALONE = """for (const name of ['Worker', 'SharedWorker', 'WebSocket', 'WebTransport', 'RTCPeerConnection'])
  delete globalThis[name];
"""
"""A page has no other thread and no other channel through which something could leave unseen."""
_LOUD = ("DEBUG", "DEBUG_FILE", "PWDEBUG")
"""Variables that make the driver print what is typed."""


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """Which browser, as which user of the operating system (`nobody` where we are root), how many pages at once.

    `sandbox = False` takes the browser's own sandbox away; settings allow that for development only.
    """

    path: str | None = None
    user: str | None = None
    sandbox: bool = True
    pages: int = 4


def find_browser(path: str | None = None) -> Path | None:
    """The browser to use: the one of the settings, Debian's chromium, or the one that Playwright installed."""
    if path is not None:
        return Path(path) if os.access(path, os.X_OK) else None
    known = [Path(p) for p in _KNOWN]
    home = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    for folder in (
        Path(home) if home else Path.home() / ".cache/ms-playwright",
        Path.home() / "Library/Caches/ms-playwright",
    ):
        known += [p for pattern in _OF_PLAYWRIGHT for p in sorted(folder.glob(pattern), reverse=True)]
    return next((p for p in known if os.access(p, os.X_OK)), None)


def launch_line(settings: BrowserSettings, browser: Path, folder: Path) -> tuple[str, list[str]]:
    """The program and its arguments; as another user where we are root. Raises `AilyusError` `no_browser`."""
    arguments = [*_ARGUMENTS, f"--user-data-dir={folder}"]
    arguments += [] if settings.sandbox else ["--no-sandbox"]
    user = settings.user or ("nobody" if os.geteuid() == 0 and settings.sandbox else None)
    if user is None:
        return str(browser), [*arguments, "about:blank"]
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        hint = "run the gateway as that user, or as root with util-linux's setpriv installed"
        raise AilyusError("no_browser", f"the browser cannot be started as the user `{user}`", hint=hint)
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise AilyusError("no_browser", f"there is no user `{user}`", hint="see `user` under [browser]") from None
    os.chown(folder, found.pw_uid, found.pw_gid)
    drop = [f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups", "--inh-caps=-all", "--"]
    return setpriv, [*drop, str(browser), *arguments, "about:blank"]


@dataclass(frozen=True, slots=True)
class Tab:
    """A context of its own with one page, still empty, and the protocol session of that page."""

    context: "BrowserContext"
    page: "Page"
    session: "CDPSession"


@dataclass(frozen=True, slots=True)
class _Spare:
    """A tab that is made while nobody waits for it. It is used once, like any other."""

    state: "StorageState"
    making: "asyncio.Task[Tab]"
    expiry: asyncio.TimerHandle


class Chromium:
    """The warm browser. A tab is made for one action and closed after it; nothing of it stays."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._room = asyncio.Semaphore(settings.pages)
        self._starting = asyncio.Lock()
        self._driver: Playwright | None = None
        self._browser: Browser | None = None
        self._folder: Path | None = None
        self._served = 0
        self._open = 0
        self._walls: dict[frozenset[str], Wall] = {}
        self._spares: dict[frozenset[str], _Spare] = {}
        self._chores: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def tab(self, urls: frozenset[str], state: "StorageState | None") -> "AsyncIterator[Tab]":
        """A fresh tab that reaches these origins only and begins with a stored session."""
        async with self._room:
            tab = await self._spare(urls, state) or await self._fresh(urls, state)
            self._open += 1
            try:
                yield tab
            finally:
                self._open -= 1
                await self._closed(tab.context)
        if state is not None:
            self._prepare(urls, state)

    def pids(self) -> list[int]:
        """The processes of the browser that is running now."""
        return list(_processes(self._folder)) if self._folder else []

    async def close(self) -> None:
        """End the browser, its driver and its walls."""
        for urls in list(self._spares):
            self._discard(urls)
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._end()
        if self._driver is not None:
            from playwright.async_api import Error

            with contextlib.suppress(Error, OSError, TimeoutError):  # a driver that died cannot say goodbye
                await asyncio.wait_for(self._driver.stop(), _CLOSE_SECONDS)
            self._driver = None
        for wall in self._walls.values():
            await wall.close()
        self._walls.clear()

    async def _fresh(self, urls: frozenset[str], state: "StorageState | None") -> Tab:
        from playwright.async_api import Error

        proxy = await self._walls.setdefault(urls, Wall(urls)).open()
        for last in (False, True):
            browser = await self._running()
            try:
                async with asyncio.timeout(_OPEN_SECONDS):  # a frozen browser says nothing
                    context = await browser.new_context(
                        proxy={"server": proxy},
                        storage_state=state,
                        service_workers="block",
                        accept_downloads=False,
                        locale="en-US",
                    )
                    await context.add_init_script(_ALONE)
                    page = await context.new_page()
                    session = await context.new_cdp_session(page)
            except (Error, TimeoutError):
                if last or not browser.is_connected() or not self._open:
                    await self._end()
                if last:
                    raise AilyusError("no_browser", "the browser does not open a page") from None
                continue
            self._served += 1
            return Tab(context, page, session)
        raise AssertionError  # the loop returns or raises

    # -- the tab that is made ahead ------------------------------------------------------------------------------------

    def _prepare(self, urls: frozenset[str], state: "StorageState") -> None:
        """Make the next action's tab now, unless the browser is due for renewal."""
        if urls not in self._spares and self._browser is not None and self._served < RENEW_AFTER:
            making = asyncio.create_task(self._fresh(urls, state))
            expiry = asyncio.get_running_loop().call_later(_SPARE_SECONDS, self._discard, urls)
            self._spares[urls] = _Spare(state, making, expiry)

    async def _spare(self, urls: frozenset[str], state: "StorageState | None") -> Tab | None:
        """The tab that was made ahead, if it is one of this very session and alive."""
        spare = self._spares.get(urls)
        if spare is None or state is None:
            return None
        if spare.state is not state:
            self._discard(urls)
            return None
        del self._spares[urls]
        spare.expiry.cancel()
        try:
            tab = await spare.making
        except AilyusError:
            return None
        alive = self._browser is not None and self._browser.is_connected() and not tab.page.is_closed()
        return tab if alive else None

    def _discard(self, urls: frozenset[str]) -> None:
        spare = self._spares.pop(urls)
        spare.expiry.cancel()
        chore = asyncio.create_task(self._thrown_away(spare.making))
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def _thrown_away(self, making: "asyncio.Task[Tab]") -> None:
        with contextlib.suppress(AilyusError):
            await self._closed((await making).context)

    # -- the process ---------------------------------------------------------------------------------------------------

    async def _running(self) -> "Browser":
        async with self._starting:
            if self._browser is not None and self._served >= RENEW_AFTER and not self._open:
                await self._end()
            if self._browser is None or not self._browser.is_connected():
                await self._end()
                self._browser = await self._launched()
                self._served = 0
            return self._browser

    async def _launched(self) -> "Browser":
        from playwright.async_api import Error

        browser = find_browser(self._settings.path)
        if browser is None:
            raise AilyusError("no_browser", "there is no browser", hint="ailyus doctor --fix")
        await asyncio.to_thread(_swept)
        for last in (False, True):
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._folder = folder
            program, arguments = launch_line(self._settings, browser, folder)
            env: dict[str, str | float | bool] = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
            try:
                driver = await self._started()
                return await driver.chromium.launch(
                    executable_path=program,
                    ignore_default_args=True,
                    args=arguments,
                    env=env,
                    timeout=_LAUNCH_SECONDS * 1000,
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
            except Error:
                await self._end()
                self._driver = None  # the driver itself may have died
                if last:
                    hint = "`ailyus doctor` tries it; a container may forbid the browser's sandbox"
                    raise AilyusError("no_browser", "the browser does not start", hint=hint) from None
        raise AssertionError  # the loop returns or raises

    async def _started(self) -> "Playwright":
        if self._driver is None:
            from playwright.async_api import async_playwright

            with _quiet():
                self._driver = await async_playwright().start()
        return self._driver

    async def _closed(self, context: "BrowserContext") -> None:
        """Close a context; a browser that does not answer is ended, so that the next action starts a new one."""
        from playwright.async_api import Error

        try:
            await asyncio.wait_for(context.close(), _CLOSE_SECONDS)
        except (Error, TimeoutError):
            if self._browser is None or not self._browser.is_connected() or self._open == 0:
                await self._end()

    async def _end(self) -> None:
        browser, folder = self._browser, self._folder
        self._browser = self._folder = None
        if browser is not None:
            from playwright.async_api import Error

            with contextlib.suppress(Error, OSError, TimeoutError):  # what is left of a frozen one is killed below
                await asyncio.wait_for(browser.close(), _CLOSE_SECONDS)
        if folder is not None:
            for pid in _processes(folder):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The driver starts without the variables that would make it print what is typed."""
    loud: Mapping[str, str] = {name: os.environ.pop(name) for name in _LOUD if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(loud)


def _swept() -> None:
    """Folders that a gateway left behind when it was killed; its browser died with it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS and not any(_processes(folder)):
                shutil.rmtree(folder, ignore_errors=True)


def _processes(folder: Path) -> Iterator[int]:
    mark = f"--user-data-dir={folder}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "cmdline").read_bytes():
                yield int(entry.name)
