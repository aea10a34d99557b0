"""What a screen reader would stumble over on a page, by axe-core."""

from pathlib import Path
from typing import Any, Final

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import BrowserContext, Page

OF_COLOURS: Final = ("color-contrast", "link-in-text-block")
"""The rules whose answer depends on colours, and on what is shown in this width."""
OF_WIDTHS: Final = (*OF_COLOURS, "scrollable-region-focusable", "target-size")
"""Those, and the rules whose answer depends on where things stand, which colours do not move."""
_CHEAP: Final = {"resultTypes": ["violations"], "preload": False}
"""Nothing about what is right, and nothing loaded again for rules that are not asked: a third of a run's CPU time."""


async def at_hand(context: BrowserContext) -> None:
    """Have axe-core on each page of a context as it opens: half of what it costs to send it to a page that stands."""
    await context.add_init_script(path=AXE_FILE_PATH)


async def no_faults(page: Page, name: str, only: tuple[str, ...] = ()) -> None:
    """No violation of any level, by every rule or by those named."""
    # evaluated by the protocol: the page's own policy would rightly refuse it
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(Path(AXE_FILE_PATH).read_text() + "; undefined")
    options: dict[str, Any] = {**_CHEAP, **({"runOnly": list(only)} if only else {})}
    found = await page.evaluate(
        "async (options) => (await axe.run(document, options)).violations"
        ".map(v => [v.impact, v.id, v.nodes.map(n => n.html)])",
        options,
    )
    assert found == [], name
