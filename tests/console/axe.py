"""What a screen reader would stumble over on a page, by axe-core."""

from pathlib import Path

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Page


async def no_serious_faults(page: Page, name: str) -> None:
    source = Path(AXE_FILE_PATH).read_text()
    # evaluated by the protocol: the page's own policy would rightly refuse it
    await page.evaluate(source + "; undefined")
    found = await page.evaluate(
        "async () => (await axe.run()).violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)])"
    )
    assert [v for v in found if v[0] in ("serious", "critical")] == [], name
