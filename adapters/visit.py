"""One visit: a page carried through the steps of one flow, and nothing leaves it that the flow does not name."""

import asyncio
import base64
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

import orjson
from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from adapters.chromium import Tab
from contracts.flow import FlowStep, Locator
from contracts.observation import Delivery

if TYPE_CHECKING:
    from playwright.async_api import Dialog, Frame, Page, Response
    from playwright.async_api import Locator as Element

T = TypeVar("T")
MAX_SHOWN = 10_000
"""Characters of a text that is read from a page."""
MAX_SNAPSHOT = 256 * 1024
_EVIDENCE_SECONDS = 1.2
"""While a page is on its way elsewhere, whatever is asked of it hangs."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_WATCHED = ("Document", "XHR", "Fetch", "Ping", "EventSource", "Other")
"""The types of request that can have another method than GET; the wall holds the rest."""
_SHOWN = """e => !e.checkVisibility({visibilityProperty: true}) ? null
  : e.matches('input[type=checkbox], input[type=radio]') ? e.checked
  : e.matches('select') ? Array.from(e.selectedOptions, o => o.label).join(', ')
  : e.matches('input, textarea') ? e.value : e.childElementCount ? e.innerText : e.textContent"""
# innerText is what styles make of a text (upper case, say): where an element holds nothing else, the text itself counts

_WORDS = """all => all.flatMap(e => [e, ...e.querySelectorAll('*')]).flatMap(e => [
  'value' in e ? String(e.value) : '',
  ...Array.from(e.attributes, a => /^(aria-label|title|alt|href)$/.test(a.name) ? a.value : ''),
  ...Array.from(e.childNodes, n => n.nodeType === 3 ? n.data : '')])"""
"""Everything that an element, or one in it, could say in the accessibility tree."""
_MASKED = "(masked)"
_COVER = """all => all.map(e => {
  const r = e.getBoundingClientRect(), cover = document.createElement('ailyus-cover');
  cover.style.cssText = `all: initial; position: fixed; z-index: 2147483647; background: #000; left: ${r.left - 1}px; `
    + `top: ${r.top - 1}px; width: ${r.width + 2}px; height: ${r.height + 2}px`;
  document.documentElement.append(cover);
  return true;
})"""
_UNCOVER = "() => document.querySelectorAll('ailyus-cover').forEach(cover => cover.remove())"
"""Black over what is masked, for the moment of the picture."""


class Halt(Exception):
    """The visit ends here. `sentence` is ours: it holds no word of the page."""

    def __init__(self, delivery: Delivery, sentence: str) -> None:
        super().__init__(sentence)
        self.delivery: Delivery = delivery
        self.sentence = sentence


class SignedOut(Exception):
    """The application asks for a sign-in."""


class Absent(Exception):
    """The application says 404: there is no such record."""


Look = Callable[[str, "Visit"], Awaitable[None]]
"""Takes the evidence of a moment: `before` or `after` the commit."""


class Visit:
    """One page of one context. `base_url` is the application's; `sign_in` the path of its login page, where known.

    `enter` is asked directly before the committed request leaves, and says why it may not, or None.
    """

    def __init__(
        self,
        tab: Tab,
        base_url: str,
        deadline: float,
        patience_ms: int,
        *,
        sign_in: str | None = None,
        enter: Callable[[], str | None] = lambda: None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.page: Page = tab.page
        self.reads: dict[str, str | bool | None] = {}
        self.notes: list[str] = []
        self.status: int | None = None
        self.submitted = False
        self._base = base_url.rstrip("/")
        self._origin = _origin(base_url)
        self._deadline = deadline
        self._patience_ms = patience_ms
        self._sign_in = _place(self._base + sign_in) if sign_in is not None else None
        self._enter = enter
        self._secrets = secrets or {}
        self._allowed: tuple[str, str] | None = None
        self._confirms: str | None = None
        self._refusal: str | None = None
        self._left = asyncio.Event()
        self._answered = asyncio.Event()
        self._moved = asyncio.Event()
        self._number = 0
        self.gone = False
        self._document: int | None = None
        self._known: list[FlowStep] = []
        self._touched: Element | None = None
        self._tab = tab
        self._judging: set[asyncio.Task[None]] = set()

    async def follow(self, steps: Sequence[FlowStep], look: Look | None = None) -> None:
        """Carry out every step. Raises `Halt`, `SignedOut` or `Absent`, and Playwright's `Error` when a page dies."""
        await self._guard()
        for number, step in enumerate(steps):
            self._number = number
            self._check_place()
            if step.commit is not None:
                await self._commit(step, look)
            else:
                await self._step(step)
        self._check_place()

    # -- the gate: what may leave the page -----------------------------------------------------------------------------

    async def _guard(self) -> None:
        page, session = self.page, self._tab.session
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
            if kind == "Document" and _origin(url) != self._origin:
                self.notes.append("a page of another origin was refused")
                return False
            return True
        # INVARIANT: of everything that could change something, only the committed request leaves, and once.
        named = self._allowed == (method, _place(url)) and _origin(url) == self._origin
        if not named or self.submitted or self._refusal:
            self.notes.append(f"a {method[:10]} was held back")
            return False
        self._refusal = self._enter()
        self.submitted = self._refusal is None
        self._left.set()
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
        if page is not self.page:
            self.notes.append("a popup was closed")
            await page.close()

    def _on_gone(self, _: "Page") -> None:
        self.gone = True
        self._left.set()
        self._answered.set()

    def _on_moved(self, frame: "Frame") -> None:
        if self.submitted and frame == self.page.main_frame:
            self._moved.set()

    def _on_response(self, response: "Response") -> None:
        request = response.request
        if self.submitted and not self._answered.is_set() and self._allowed == (request.method, _place(request.url)):
            self.status = response.status
            self._answered.set()
        try:
            if request.is_navigation_request() and request.frame == self.page.main_frame:
                self._document = response.status
        except Error:  # the frame of a navigation that is still on its way
            return

    # -- the steps -----------------------------------------------------------------------------------------------------

    async def _step(self, step: FlowStep) -> None:
        if step.goto is not None:
            await self._goto(step.goto)
        elif step.read is not None:
            await self._read(step)
        elif step.identity is not None or (step.expect is not None and step.is_ is not None):
            await self._same(step)
            self._known += [step] if step.identity is not None else []
        else:
            await self._on(_there(step.locator), step.verb, lambda element: self._act(step, element))

    async def _act(self, step: FlowStep, element: "Element") -> None:
        patience = self._patience()
        if step.expect is not None:
            return await element.wait_for(state="visible", timeout=patience)
        if step.click is not None:
            self._known.clear()
            self._touched = None
            await element.click(timeout=patience)
            return await self.page.wait_for_load_state("domcontentloaded", timeout=patience)
        self._touched = element
        if step.fill is not None:
            text = self._secrets.get(step.with_ or "", step.with_ or "")
            await element.fill(text, timeout=patience)
        elif step.select is not None:
            await element.select_option(label=step.option, timeout=patience)
        else:
            await element.set_checked(step.check is not None, timeout=patience)

    async def _goto(self, path: str) -> None:
        self._known.clear()
        self._touched = None
        try:
            await self.page.goto(
                self._base + path, wait_until="domcontentloaded", timeout=max(1.0, self._left_seconds() * 1000)
            )
        except PlaywrightTimeout:
            raise self._unknown("the page does not load") from None
        except Error as error:
            if self.page.is_closed() or "crash" in error.message.lower():
                raise
            if "ERR_BLOCKED_BY_CLIENT" in error.message or "Download" in error.message:
                raise self._unknown("it is no page of this application") from None
            raise Halt("not_sent", f"step {self._number}: the application could not be reached") from None

    async def _read(self, step: FlowStep) -> None:
        name = str(step.read)
        if step.url is not None:
            before, after = (urlsplit(self._base).path + step.url).split("*")
            path = urlsplit(self.page.url).path
            if not (path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after)):
                raise self._unknown("it is another page")
            self.reads[name] = unquote(path[len(before) : len(path) - len(after)])
            return
        locator = _there(step.from_)
        if step.optional and await self._element(locator).count() == 0:
            self.reads[name] = None
            return
        self.reads[name] = await self._shown(locator)

    async def _commit(self, step: FlowStep, look: Look | None) -> None:
        """The one click that counts: whose record it is, asked again; the picture; then the one request."""
        commit, click = _there(step.commit), _there(step.click)
        for known in self._known:
            await self._same(known)
        if self._touched is not None:  # what changed is in the picture
            await self._touched.scroll_into_view_if_needed(timeout=self._patience())
        if look is not None:
            await look("before", self)
        self._allowed = (commit.method, _place(self._base + commit.path))
        self._confirms = commit.confirms
        try:
            await self._on(click, "click", lambda e: e.click(timeout=self._patience(), no_wait_after=True))
            await asyncio.wait_for(self._left.wait(), self._patience() / 1000)
        except (Halt, TimeoutError) as error:
            if not self.submitted:
                nothing = self._unknown(f"the click on the {_named(click)} sent nothing")
                raise error if isinstance(error, Halt) else nothing from None
        if self._refusal is not None:
            raise Halt("not_sent", self._refusal)
        self._known.clear()
        if self.submitted:
            await self._answered.wait()  # the total deadline bounds it
        if self.gone:
            raise Halt("in_doubt" if self.submitted else "not_sent", "the browser died")
        if self.status in (401, 403):
            raise Halt("refused", "the application refused")
        if self.status is None or self.status >= 500:
            raise Halt("in_doubt", "the application answered with an error")
        with contextlib.suppress(TimeoutError, PlaywrightTimeout):  # an answer without a new page
            await asyncio.wait_for(self._moved.wait(), min(1.0, self._patience() / 1000))
            await self.page.wait_for_load_state("domcontentloaded", timeout=self._patience())

    # -- elements ------------------------------------------------------------------------------------------------------

    def _element(self, locator: Locator) -> "Element":
        base = self._element(locator.within) if locator.within is not None else self.page
        if locator.role is not None:
            return base.get_by_role(locator.role, name=locator.name, exact=locator.exact, level=locator.level)
        if locator.label is not None:
            return base.get_by_label(locator.label, exact=locator.exact)
        if locator.text is not None:
            return base.get_by_text(locator.text, exact=locator.exact)
        return base.locator(locator.css or "")

    async def _on(self, locator: Locator, verb: str, act: "Callable[[Element], Awaitable[T]]") -> T:
        """Do something with the one element; none, or more than one, ends the visit."""
        element = self._element(locator)
        try:
            return await act(element)
        except PlaywrightTimeout:
            self._check_place()
            there = await element.count()
            sentence = f"cannot {verb} the {_named(locator)}" if there else f"there is no {_named(locator)}"
            raise self._unknown(sentence) from None
        except Error:
            if self.page.is_closed() or await element.count() < 2:
                raise
            raise self._unknown(f"there is more than one {_named(locator)}") from None

    async def _same(self, step: FlowStep) -> None:
        """Does the element show what it must? The page is given a little time to."""
        locator, wanted = _there(step.locator), _collapsed(step.is_ or "")
        end = time.monotonic() + min(self._patience(), 1000) / 1000
        while True:
            shown = await self._shown(locator)
            if str(shown).lower() == wanted.lower() if isinstance(shown, bool) else shown == wanted:
                return
            if time.monotonic() >= end:
                break
            await asyncio.sleep(0.05)
        another = step.identity is not None
        raise self._unknown(
            "the page shows another record" if another else f"the {_named(locator)} says something else"
        )

    async def _shown(self, locator: Locator) -> str | bool:
        """What an element shows: its text, a field's value, the label of what is selected, whether it is checked."""
        end = time.monotonic() + self._patience() / 1000
        while True:
            value = await self._on(locator, "read", lambda e: e.evaluate(_SHOWN, timeout=self._patience()))
            if value is not None:
                return value if isinstance(value, bool) else _collapsed(str(value))[:MAX_SHOWN]
            if time.monotonic() >= end:
                raise self._unknown(f"the {_named(locator)} is hidden")
            await asyncio.sleep(0.05)

    async def shows(self, locators: Sequence[Locator]) -> bool:
        """Is one of these on the page now? A page that is on its way elsewhere shows nothing."""
        try:
            async with asyncio.timeout(_EVIDENCE_SECONDS):
                for locator in locators:
                    if await self._element(locator).count():
                        return True
        except (Error, TimeoutError):
            return False
        return False

    async def account(self, locator: Locator) -> str:
        """Who the page says is signed in."""
        return str(await self._shown(locator))

    async def is_refused(self, path: str) -> bool:
        """Does the application refuse this page to the account?"""
        self._document = None
        answer = await self.page.goto(self._base + path, wait_until="commit", timeout=self._patience())
        return answer is not None and answer.status in (401, 403, 404)

    # -- evidence ------------------------------------------------------------------------------------------------------

    async def pictures(self, moment: str, kinds: frozenset[str], mask: Sequence[Locator]) -> dict[str, bytes]:
        """What the page shows now: a PNG and the accessibility tree, without what is masked; nothing if not in time."""
        try:
            async with asyncio.timeout(_EVIDENCE_SECONDS):
                counts = await asyncio.gather(*(self._element(locator).count() for locator in mask))
                hidden = [self._element(locator) for locator, count in zip(mask, counts, strict=True) if count]
                pictures = {}
                if "screenshot" in kinds:
                    pictures[f"{moment}.png"] = await self._screenshot(hidden)
                if "snapshot" in kinds:
                    pictures[f"{moment}.aria"] = await self._snapshot(hidden)
                return pictures
        except (Error, TimeoutError):
            return {}

    async def _screenshot(self, hidden: "Sequence[Element]") -> bytes:
        covers = [cover for element in hidden for cover in await element.evaluate_all(_COVER)]
        how = {"format": "png", "optimizeForSpeed": True}
        try:
            shot = await self._tab.session.send("Page.captureScreenshot", how)
        finally:
            if covers:
                await self.page.evaluate(_UNCOVER)
        return base64.b64decode(shot["data"])

    async def _snapshot(self, hidden: "Sequence[Element]") -> bytes:
        text = await self.page.locator("body").aria_snapshot()
        words: set[str] = set()
        for element in hidden:
            words.update(_collapsed(word) for word in await element.evaluate_all(_WORDS))
        for word in sorted(words, key=len, reverse=True):
            if len(word) > 1:
                text = text.replace(word, _MASKED).replace(orjson.dumps(word).decode()[1:-1], _MASKED)
        return text.encode()[:MAX_SNAPSHOT]

    # -- small things --------------------------------------------------------------------------------------------------

    def _check_place(self) -> None:
        """Where are we? A login page, a refusal or a missing page ends the visit, whatever it looks like."""
        if self._sign_in is not None and urlsplit(self.page.url).path == self._sign_in:
            raise SignedOut
        if self._document in (401, 403):
            raise Halt("refused", "the application refused")
        if self._document == 404:
            raise Absent
        if self._document is not None and self._document >= 500:
            raise Halt("in_doubt" if self.submitted else "not_sent", "the application answered with an error")

    def _unknown(self, sentence: str) -> Halt:
        """The page is not as the flow knows it: before the commit nothing was sent, after it that is in doubt."""
        return Halt("in_doubt" if self.submitted else "stopped", f"step {self._number}: {sentence}")

    def _left_seconds(self) -> float:
        return self._deadline - time.monotonic()

    def _patience(self) -> float:
        return max(1.0, min(self._patience_ms, self._left_seconds() * 1000))


def _there(value: T | None) -> T:
    """What the flow's model guarantees to be there."""
    if value is None:
        raise Halt("stopped", "the flow is not complete")
    return value


def _named(locator: Locator) -> str:
    """A locator in words that are the contract author's: names that were filled in may come from outside."""
    way = next(w for w in ("role", "label", "text", "css") if getattr(locator, w) is not None)
    return str(locator.role) if way == "role" else f"element by its {way}"


def _collapsed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _place(url: str) -> str:
    return unquote(urlsplit(url).path)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
