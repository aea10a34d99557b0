"""The browser of one test process: started when a test first wants one, shared by all of them, gone with the process.

A test has contexts of its own in it, which share nothing. What a test wants of the process itself (an argument of its
command line) is no case for it: that test starts its own browser.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

from adapters.browser.launch import find_browser
from tests.slowness import scaled

_ARGUMENTS: Final = (
    "--headless",
    "--remote-debugging-port=0",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-hang-monitor",
    "--disable-renderer-backgrounding",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--password-store=basic",
)


class SharedBrowser:
    """A Chromium that each test connects to at `url`. No driver holds it: a second one would meet each page first."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ailyus-tests-browser-"))
        # with its sandbox where this machine allows that; as root Chromium has none
        for more in ([], ["--no-sandbox"]) if os.geteuid() else (["--no-sandbox"],):
            command = [str(find_browser()), *_ARGUMENTS, *more, f"--user-data-dir={self._folder}", "about:blank"]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.url = self._address()
            if self.url:
                return
        self.close()
        pytest.fail("the browser does not start: run `ailyus doctor --fix`", pytrace=False)

    def _address(self) -> str:
        """Where it listens, as it writes that down; nothing where it ended."""
        file, end = self._folder / "DevToolsActivePort", time.monotonic() + scaled(30)
        while self._process.poll() is None and time.monotonic() < end:
            lines = file.read_text().splitlines() if file.exists() else []
            if len(lines) == 2:  # the port, and the path of the browser's own endpoint
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.02)
        return ""

    def close(self) -> None:
        """End the browser, and what it kept."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


_SHARED: Final[list[SharedBrowser]] = []


def shared_browser() -> SharedBrowser:
    """The one of this process."""
    if not _SHARED:
        _SHARED.append(SharedBrowser())
    return _SHARED[0]


def close_shared() -> None:
    """End it, if a test has started it."""
    while _SHARED:
        _SHARED.pop().close()


class KeptDriver:
    """A driver that lasts as long as the loop of some tests, which they share: one starts in half a second of CPU time.

    It is started when a test of this loop first wants it, and again where it has lost the browser.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._left = AsyncExitStack()
        self._browser: Browser | None = None

    async def browser(self) -> Browser:
        """The shared browser, as this loop sees it."""
        if self._browser is None or not self._browser.is_connected():
            await self._left.aclose()
            self._browser = await self._left.enter_async_context(_driven())
        return self._browser

    async def close(self) -> None:
        """End the driver."""
        await self._left.aclose()


_KEPT: Final[list[KeptDriver]] = []


@asynccontextmanager
async def keeping() -> AsyncIterator[None]:
    """Within this, `connected` in this loop uses one driver."""
    _KEPT.append(KeptDriver())
    try:
        yield
    finally:
        await _KEPT.pop().close()


@asynccontextmanager
async def connected() -> AsyncIterator[Browser]:
    """The shared browser, by the driver that is kept in this loop, else by one of its own."""
    kept = next((one for one in _KEPT if one.loop is asyncio.get_running_loop()), None)
    if kept is not None:
        yield await kept.browser()
    else:
        async with _driven() as browser:
            yield browser


@asynccontextmanager
async def _driven() -> AsyncIterator[Browser]:
    # started in a thread, since its start would block the loop
    url = (await asyncio.to_thread(shared_browser)).url
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(url)
        try:
            yield browser
        finally:
            await browser.close()
