"""The elements of one page, found by the locators of a flow: none, or more than one, ends the visit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from adapters.browser.screenshots import EVIDENCE_SECONDS, collapsed
from adapters.browser.visit_fault import FlowHalt
from contracts.schema.locator import Locator

if TYPE_CHECKING:
    from playwright.async_api import Locator as Element
    from playwright.async_api import Page

T = TypeVar("T")
MAX_SHOWN = 10_000
"""Characters of a text that is read from a page."""
_SHOWN = """e => !e.checkVisibility({visibilityProperty: true}) ? null
  : e.matches('input[type=checkbox], input[type=radio]') ? e.checked
  : e.matches('select') ? Array.from(e.selectedOptions, o => o.label).join(', ')
  : e.matches('input, textarea') ? e.value : e.childElementCount ? e.innerText : e.textContent"""
# innerText is what styles make of a text (upper case, say): where an element holds nothing else, the text itself counts


class Elements:
    """The page as a visit sees it.

    `patience` says how many milliseconds may still be waited, `check_place` raises where the page is another one than
    the flow is on, and `halt` makes a sentence the end of the visit.
    """

    def __init__(
        self,
        page: "Page",
        patience: Callable[[], float],
        check_place: Callable[[], None],
        halt: Callable[[str], FlowHalt],
    ) -> None:
        self.page = page
        self._patience = patience
        self._check_place = check_place
        self._halt = halt

    def of(self, locator: Locator) -> "Element":
        """What a locator stands for, without a look whether it is there."""
        base = self.of(locator.within) if locator.within is not None else self.page
        if locator.role is not None:
            return base.get_by_role(locator.role, name=locator.name, exact=locator.exact, level=locator.level)
        if locator.label is not None:
            return base.get_by_label(locator.label, exact=locator.exact)
        if locator.text is not None:
            return base.get_by_text(locator.text, exact=locator.exact)
        return base.locator(locator.css or "")

    async def on(self, locator: Locator, verb: str, act: "Callable[[Element], Awaitable[T]]") -> T:
        """Do something with the one element; none, or more than one, ends the visit."""
        element = self.of(locator)
        try:
            return await act(element)
        except PlaywrightTimeout:
            self._check_place()
            there = await element.count()
            sentence = f"cannot {verb} the {named(locator)}" if there else f"there is no {named(locator)}"
            raise self._halt(sentence) from None
        except Error:
            if self.page.is_closed() or await element.count() < 2:
                raise
            raise self._halt(f"there is more than one {named(locator)}") from None

    async def shown(self, locator: Locator) -> str | bool:
        """What an element shows: its text, a field's value, the label of what is selected, whether it is checked."""
        end = time.monotonic() + self._patience() / 1000
        while True:
            value = await self.on(locator, "read", self._evaluated)
            if value is not None:
                return value if isinstance(value, bool) else collapsed(value)[:MAX_SHOWN]
            if time.monotonic() >= end:
                raise self._halt(f"the {named(locator)} is hidden")
            # a page between two documents, or one whose script is still at work, shows nothing for a moment
            await asyncio.sleep(0.05)

    async def _evaluated(self, element: "Element") -> str | bool | None:
        """What an element shows now; None when it is hidden, or its page on the way to another."""
        try:
            value: str | bool | None = await element.evaluate(_SHOWN, timeout=self._patience())
        except PlaywrightTimeout:
            raise
        except Error as error:
            if "context was destroyed" not in error.message:
                raise
            return None
        return value

    async def shows(self, locators: Sequence[Locator]) -> bool:
        """Is one of these on the page now? A page that is on its way elsewhere shows nothing."""
        try:
            async with asyncio.timeout(EVIDENCE_SECONDS):
                for locator in locators:
                    if await self.of(locator).count():
                        return True
        except (Error, TimeoutError):
            return False
        return False


def named(locator: Locator) -> str:
    """A locator in words that are the contract author's: names that were filled in may come from outside."""
    way = next(w for w in ("role", "label", "text", "css") if getattr(locator, w) is not None)
    return str(locator.role) if way == "role" else f"element by its {way}"
