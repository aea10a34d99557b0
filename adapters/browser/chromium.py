"""One warm browser process for all connections: found, started without rights, renewed when it dies or grows old."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.browser.browser_process import PREFIX, processes, quiet, sweep
from adapters.browser.launch import BrowserSettings, find_browser, launched
from adapters.browser.socks_proxy import SocksProxy
from adapters.browser.tab import Spare, Tab
from contracts.errors import AilyusError

if TYPE_CHECKING:  # heavy: imported where the first browser starts
    from playwright.async_api import Browser, BrowserContext, Playwright, StorageState

RENEW_AFTER = 200
"""Contexts that one process serves before it is renewed."""
_SPARE_SECONDS = 60.0
"""How long a tab that was made ahead waits for its action."""
_OPEN_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
_ALONE = """for (const name of ['Worker', 'SharedWorker', 'WebSocket', 'WebTransport', 'RTCPeerConnection'])
  delete globalThis[name];
"""
"""A page has no other thread and no other channel through which something could leave unseen."""


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
        self._walls: dict[frozenset[str], SocksProxy] = {}
        self._spares: dict[frozenset[str], Spare] = {}
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

    @property
    def open_tabs(self) -> int:
        """How many tabs actions have now."""
        return self._open

    @property
    def most_tabs(self) -> int:
        """How many they may have at once."""
        return self._settings.pages

    def pids(self) -> list[int]:
        """The processes of the browser that is running now."""
        return list(processes(self._folder)) if self._folder else []

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

        proxy = await self._walls.setdefault(urls, SocksProxy(urls)).open()
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
            self._spares[urls] = Spare(state, making, expiry)

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
        await asyncio.to_thread(sweep)
        for last in (False, True):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._folder = folder
            try:
                driver = await self._started()
                return await launched(driver, self._settings, browser, folder)
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

            with quiet():
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
            for pid in processes(folder):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
