"""What a screen reader would stumble over on a page, by axe-core."""

from pathlib import Path

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Page

LOOKED_AT = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
"""The rules whose answer depends on colours or widths."""


async def no_faults(page: Page, name: str, *, whole: bool = True) -> None:
    """No violation of any level; `whole` asks every rule, else those that depend on how the page looks."""
    # evaluated by the protocol: the page's own policy would rightly refuse it
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(Path(AXE_FILE_PATH).read_text() + "; undefined")
    found = await page.evaluate(
        "async (only) => (await axe.run(document, only ? { runOnly: only } : {})).violations"
        ".map(v => [v.impact, v.id, v.nodes.map(n => n.html)])",
        None if whole else LOOKED_AT,
    )
    assert found == [], name
