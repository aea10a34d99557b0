"""One visit: a page carried through the steps of one flow, and nothing leaves it that the flow does not name."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from adapters.browser.elements import Elements, named
from adapters.browser.request_gate import RequestGate, place_of_page
from adapters.browser.screenshots import EVIDENCE_SECONDS, collapsed, taken
from adapters.browser.tab import Tab
from adapters.browser.visit_fault import FlowHalt, PageNotFound, SignedOut
from contracts.schema.flow import FlowStep
from contracts.schema.locator import Locator

if TYPE_CHECKING:
    from playwright.async_api import Locator as Element
    from playwright.async_api import Page

T = TypeVar("T")
EvidenceHook = Callable[[str, "FlowRun"], Awaitable[None]]
"""Takes the evidence of a moment: `before` or `after` the commit."""


class FlowRun:
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
        self.exits = RequestGate(tab, base_url, enter)
        self.elements = Elements(tab.page, self._patience, self._check_place, self._unknown)
        self.reads: dict[str, str | bool | None] = {}
        self._base = base_url.rstrip("/")
        self._deadline = deadline
        self._patience_ms = patience_ms
        self._sign_in = place_of_page(self._base + sign_in) if sign_in is not None else None
        self._secrets = secrets or {}
        self._number = 0
        self._known: list[FlowStep] = []
        self._touched: Element | None = None
        self._tab = tab

    async def follow(self, steps: Sequence[FlowStep], look: EvidenceHook | None = None) -> None:
        """Carry out every step. Raises `FlowHalt`, `SignedOut`, `PageNotFound`, or Playwright's `Error`."""
        await self.exits.guard()
        for number, step in enumerate(steps):
            self._number = number
            self._check_place()
            if step.commit is not None:
                await self._commit(step, look)
            else:
                await self._step(step)
        self._check_place()

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
            await self.elements.on(_there(step.locator), step.verb, lambda element: self._act(step, element))

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
            raise FlowHalt("not_sent", f"step {self._number}: the application could not be reached") from None

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
        if step.optional and await self.elements.of(locator).count() == 0:
            self.reads[name] = None
            return
        self.reads[name] = await self.elements.shown(locator)

    async def _commit(self, step: FlowStep, look: EvidenceHook | None) -> None:
        """The one click that counts: the picture; whose record it is, asked again; then the one request."""
        commit, click = _there(step.commit), _there(step.click)
        if self._touched is not None:  # what changed is in the picture
            await self._touched.scroll_into_view_if_needed(timeout=self._patience())
        if look is not None:
            await look("before", self)
        for known in self._known:  # guard: identity again before the commit
            await self._same(known)
        self.exits.allow(commit)
        try:
            await self.elements.on(click, "click", lambda e: e.click(timeout=self._patience(), no_wait_after=True))
            await asyncio.wait_for(self.exits.left.wait(), self._patience() / 1000)
        except (FlowHalt, TimeoutError) as error:
            if not self.exits.submitted:
                nothing = self._unknown(f"the click on the {named(click)} sent nothing")
                raise error if isinstance(error, FlowHalt) else nothing from None
        if self.exits.refusal is not None:
            raise FlowHalt("not_sent", self.exits.refusal)
        self._known.clear()
        if self.exits.submitted:
            await self.exits.answered.wait()  # the total deadline bounds it
        if self.exits.gone:
            raise FlowHalt("in_doubt" if self.exits.submitted else "not_sent", "the browser died")
        if self.exits.status in (401, 403):
            raise FlowHalt("refused", "the application refused")
        if self.exits.status is None or self.exits.status >= 500:
            raise FlowHalt("in_doubt", "the application answered with an error")
        with contextlib.suppress(TimeoutError, PlaywrightTimeout):  # an answer without a new page
            await asyncio.wait_for(self.exits.moved.wait(), min(1.0, self._patience() / 1000))
            await self.page.wait_for_load_state("domcontentloaded", timeout=self._patience())

    # -- elements ------------------------------------------------------------------------------------------------------

    async def _same(self, step: FlowStep) -> None:
        """Does the element show what it must? The page is given a little time to."""
        locator, wanted = _there(step.locator), collapsed(step.is_ or "")
        end = time.monotonic() + min(self._patience(), 1000) / 1000
        while True:
            shown = await self.elements.shown(locator)
            if str(shown).lower() == wanted.lower() if isinstance(shown, bool) else shown == wanted:
                return
            if time.monotonic() >= end:
                break
            await asyncio.sleep(0.05)
        another = step.identity is not None
        raise self._unknown("the page shows another record" if another else f"the {named(locator)} says something else")

    async def is_refused(self, path: str) -> bool:
        """Does the application refuse this page to the account?"""
        self.exits.document = None
        answer = await self.page.goto(self._base + path, wait_until="commit", timeout=self._patience())
        return answer is not None and answer.status in (401, 403, 404)

    async def pictures(self, moment: str, kinds: frozenset[str], mask: Sequence[Locator]) -> dict[str, bytes]:
        """What the page shows now, without what is masked; nothing if not in time."""
        # without these two nothing is `confirmed`, so a busy machine gets the patience that its pages get
        seconds = EVIDENCE_SECONDS if moment == "stopped" else max(EVIDENCE_SECONDS, self._patience() / 1000)
        return await taken(self._tab, [self.elements.of(locator) for locator in mask], moment, kinds, seconds)

    # -- small things --------------------------------------------------------------------------------------------------

    def _check_place(self) -> None:
        """Where are we? A login page, a refusal or a missing page ends the visit, whatever it looks like."""
        if self._sign_in is not None and urlsplit(self.page.url).path == self._sign_in:
            raise SignedOut
        if self.exits.document in (401, 403):
            raise FlowHalt("refused", "the application refused")
        if self.exits.document == 404:
            raise PageNotFound
        if self.exits.document is not None and self.exits.document >= 500:
            raise FlowHalt("in_doubt" if self.exits.submitted else "not_sent", "the application answered with an error")

    def _unknown(self, sentence: str) -> FlowHalt:
        """The page is not as the flow knows it: before the commit nothing was sent, after it that is in doubt."""
        return FlowHalt("in_doubt" if self.exits.submitted else "stopped", f"step {self._number}: {sentence}")

    def _left_seconds(self) -> float:
        return self._deadline - time.monotonic()

    def _patience(self) -> float:
        return max(1.0, min(self._patience_ms, self._left_seconds() * 1000))


def _there(value: T | None) -> T:
    """What the flow's model guarantees to be there."""
    if value is None:
        raise FlowHalt("stopped", "the flow is not complete")
    return value
