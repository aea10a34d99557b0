"""Pictures of a page, as evidence: what is visible, and its accessibility tree, without what is masked."""

import asyncio
import base64
import re
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

import orjson
from playwright.async_api import Error

from adapters.browser.tab import Tab

if TYPE_CHECKING:
    from playwright.async_api import Locator as Element

MAX_SNAPSHOT = 256 * 1024
"""Bytes of an accessibility tree that are kept."""
EVIDENCE_SECONDS = 1.2
"""While a page is on its way elsewhere, whatever is asked of it hangs."""
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


async def taken(
    tab: Tab, masked: "Sequence[Element]", moment: str, kinds: frozenset[str], seconds: float
) -> dict[str, bytes]:
    """A PNG (`before.png`, say) and a text (`before.aria`) of a moment; nothing if the page gives none in time."""
    takes: dict[str, Awaitable[bytes]] = {}
    try:
        async with asyncio.timeout(seconds):
            if "screenshot" in kinds:
                takes[f"{moment}.png"] = _screenshot(tab, masked)
            if "snapshot" in kinds:
                takes[f"{moment}.aria"] = _snapshot(tab, masked)
            return dict(zip(takes, await asyncio.gather(*takes.values()), strict=True))
    except (Error, TimeoutError):
        return {}


async def _screenshot(tab: Tab, masked: "Sequence[Element]") -> bytes:
    covers = await asyncio.gather(*(element.evaluate_all(_COVER) for element in masked))
    try:
        shot = await tab.session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
    finally:
        if any(covers):
            await tab.page.evaluate(_UNCOVER)
    return base64.b64decode(shot["data"])


async def _snapshot(tab: Tab, masked: "Sequence[Element]") -> bytes:
    text = await tab.page.locator("body").aria_snapshot()
    said = await asyncio.gather(*(element.evaluate_all(_WORDS) for element in masked))
    words = {collapsed(word) for all_of_one in said for word in all_of_one}
    for word in sorted(words, key=len, reverse=True):
        if len(word) > 1:
            text = text.replace(word, _MASKED).replace(orjson.dumps(word).decode()[1:-1], _MASKED)
    return text.encode()[:MAX_SNAPSHOT]


def collapsed(text: str) -> str:
    """A text as a person reads it: runs of white space are one space."""
    return re.sub(r"\s+", " ", text).strip()
