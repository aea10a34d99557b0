"""The exits of one page: what may leave it, and what came of the one request that did."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from playwright.async_api import Error

from adapters.browser.tab import Tab
from contracts.schema.flow import Commit

if TYPE_CHECKING:
    from playwright.async_api import Dialog, Frame, Page, Response

_SAFE = ("GET", "HEAD", "OPTIONS")
_WATCHED = ("Document", "XHR", "Fetch", "Ping", "EventSource", "Other")
"""The types of request that can have another method than GET; the wall holds the rest."""


class RequestGate:
    """Holds back whatever could change something, but the committed request, which leaves once.

    `enter` is asked directly before it leaves, and says why it may not, or None. `status` is its answer, `document` the
    status of the page that is shown, `notes` what was held back, closed or dismissed.
    """

    def __init__(self, tab: Tab, base_url: str, enter: Callable[[], str | None]) -> None:
        self.submitted = False
        self.refusal: str | None = None
        self.status: int | None = None
        self.document: int | None = None
        self.gone = False
        self.notes: list[str] = []
        self.left = asyncio.Event()
        self.answered = asyncio.Event()
        self.moved = asyncio.Event()
        self._tab = tab
        self._base = base_url.rstrip("/")
        self._origin = origin_of(base_url)
        self._enter = enter
        self._allowed: tuple[str, str] | None = None
        self._confirms: str | None = None
        self._judging: set[asyncio.Task[None]] = set()

    def allow(self, commit: Commit) -> None:
        """From now on this one request may leave, and this one dialog is accepted."""
        self._allowed = (commit.method, place_of_page(self._base + commit.path))
        self._confirms = commit.confirms

    async def guard(self) -> None:
        """Begin to watch the page."""
        page, session = self._tab.page, self._tab.session
        page.on("dialog", self._on_dialog)
        page.on("response", self._on_response)
        page.on("framenavigated", self._on_moved)
        page.on("crash", self._on_gone)
        page.on("close", self._on_gone)
        page.on("download", lambda _: self.notes.append("a download was refused"))
        self._tab.context.on("page", self._on_popup)
        session.on("Fetch.requestPaused", self._on_paused)
        await session.send("Fetch.enable", {"patterns": [{"resourceType": kind} for kind in _WATCHED]})

    def _on_paused(self, event: dict[str, object]) -> None:
        task = asyncio.create_task(self._judge(event))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    async def _judge(self, event: dict[str, object]) -> None:
        request = event["request"]
        if not isinstance(request, dict):
            return
        method, url = str(request["method"]), str(request["url"])
        lets = self._lets(method, url, str(event["resourceType"]))
        answer: dict[str, object] = {"requestId": event["requestId"]}
        if not lets:
            answer["errorReason"] = "BlockedByClient"
        try:
            await self._tab.session.send("Fetch.continueRequest" if lets else "Fetch.failRequest", answer)
        except Error:  # the page is gone, and the request with it
            return

    def _lets(self, method: str, url: str, kind: str) -> bool:
        if method in _SAFE:
            if kind == "Document" and origin_of(url) != self._origin:
                self.notes.append("a page of another origin was refused")
                return False
            return True
        # INVARIANT: of everything that could change something, only the committed request leaves, and once.
        # guard: only the named request leaves a page
        named = self._allowed == (method, place_of_page(url)) and origin_of(url) == self._origin
        if not named or self.submitted or self.refusal:  # guard: one request leaves a page
            self.notes.append(f"a {method[:10]} was held back")
            return False
        self.refusal = self._enter()  # guard: the gate at a page
        self.submitted = self.refusal is None
        self.left.set()
        return self.submitted

    async def _on_dialog(self, dialog: "Dialog") -> None:
        try:
            leaving = dialog.type == "beforeunload"  # the flow's own step leads away
            if leaving or (self._confirms is not None and dialog.message == self._confirms):
                await dialog.accept()
            else:
                self.notes.append("a dialog was dismissed")
                await dialog.dismiss()
        except Error:  # it went away by itself
            return

    async def _on_popup(self, page: "Page") -> None:
        if page is not self._tab.page:
            self.notes.append("a popup was closed")
            await page.close()

    def _on_gone(self, _: "Page") -> None:
        self.gone = True
        self.left.set()
        self.answered.set()

    def _on_moved(self, frame: "Frame") -> None:
        if self.submitted and frame == self._tab.page.main_frame:
            self.moved.set()

    def _on_response(self, response: "Response") -> None:
        request = response.request
        if (
            self.submitted
            and not self.answered.is_set()
            and self._allowed == (request.method, place_of_page(request.url))
        ):
            self.status = response.status
            self.answered.set()
        try:
            if request.is_navigation_request() and request.frame == self._tab.page.main_frame:
                self.document = response.status
        except Error:  # the frame of a navigation that is still on its way
            return


def place_of_page(url: str) -> str:
    """The path of a URL, decoded."""
    return unquote(urlsplit(url).path)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
