"""What a screen reader would stumble over on a page, by axe-core."""

import hashlib
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import BrowserContext, Page

OF_COLOURS: Final = ("color-contrast", "link-in-text-block")
"""The rules whose answer depends on colours, and on what is shown in this width."""
OF_WIDTHS: Final = (*OF_COLOURS, "scrollable-region-focusable", "target-size")
"""Those, and the rules whose answer depends on where things stand, which colours do not move."""
_OPTIONS: Final = {"resultTypes": ["violations"], "preload": False}
"""Nothing about what is right, and nothing loaded again for rules that are not asked: a third of a run's CPU time."""
_FOUND: Final = """async (options) => (await axe.run(document, options)).violations
  .map(v => [v.impact, v.id, v.nodes.map(n => n.html)])"""
_LOOKS: Final = Path(__file__).with_name("text_looks.js").read_text()
_UNTOLD: Final = """async ([looks, options]) => {
  const of = new Map(looks.map((look) => [textLooks.get(look), look])), untold = [];
  const found = await axe.run({ include: [...of.keys()] }, options);
  for (const { nodes } of found.incomplete) for (const { element } of nodes) untold.push(of.get(element) ?? "");
  return [found.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)]), untold];
}"""
_clean: Final[set[bytes]] = set()
"""Digests of the looks of texts that had no fault of colours. The next text that looks so has none: it is not asked about."""


async def at_hand(context: BrowserContext) -> None:
    """Have axe-core on each page of a context as it opens: half of what it costs to send it to a page that stands."""
    await context.add_init_script(path=AXE_FILE_PATH)


async def no_faults(page: Page, name: str, only: tuple[str, ...] = ()) -> None:
    """No violation of any level, by every rule or by those named."""
    # evaluated by the protocol: the page's own policy would rightly refuse it
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(Path(AXE_FILE_PATH).read_text() + "; undefined")
    others = [rule for rule in only if rule not in OF_COLOURS]
    found: list[Any] = []
    if others or not only:
        rules = {"rules": {rule: {"enabled": False} for rule in OF_COLOURS}}
        found += await page.evaluate(_FOUND, {**_OPTIONS, **({"runOnly": others} if only else rules)})
    if not only or OF_COLOURS[0] in only:
        found += await _of_colours(page)
    assert found == [], f"{name}: {found}"


async def _of_colours(page: Page) -> list[Any]:
    """The faults of texts that look as none before them did in this process; half of all rules' CPU time are these two's."""
    looks: list[str] = await page.evaluate(_LOOKS)
    new = [look for look in looks if _digest(look) not in _clean]
    if not new:
        return []
    options = {"resultTypes": ["violations", "incomplete"], "preload": False, "elementRef": True}
    found, untold = await page.evaluate(_UNTOLD, [new, {**options, "runOnly": list(OF_COLOURS)}])
    if not found:
        _clean.update(_digest(look) for look in new if look not in untold)
    return list(found)


def _digest(look: str) -> bytes:
    return hashlib.sha256(look.encode()).digest()
