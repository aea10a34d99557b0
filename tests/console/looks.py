"""How pages look: pictures of each, which are artefacts of the suite, in light, dark and on a phone."""

import base64
import os
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from playwright.async_api import CDPSession, Page
from starlette.routing import Match, Route

from tests.console.axe import OF_COLOURS, OF_WIDTHS, no_faults
from tests.console.people import People
from tests.project import ROOT

ARTEFACTS: Final = Path(os.environ.get("AILYUS_ARTEFACTS", ROOT / ".artefacts")) / "console"
LOOKS: Final[dict[str, tuple[str, int]]] = {
    "light": ("light", 1280),
    "dark": ("dark", 1280),
    "phone": ("light", 390),
    "phone-dark": ("dark", 390),
}
"""Colours, and the width of the window."""
RULES: Final[dict[str, tuple[str, ...]]] = {
    "light": (),
    "dark": OF_COLOURS,
    "phone": OF_WIDTHS,
    "phone-dark": OF_COLOURS,
}
"""Every rule in the first look, and in each other those whose answer what it changes can change."""

_sessions: Final[WeakKeyDictionary[Page, CDPSession]] = WeakKeyDictionary()


async def pictured(page: Page, folder: str, name: str, look: str = "light") -> None:
    """A picture of a page that stands, in one look; nothing of it is too wide."""
    colours, width = LOOKS[look]
    await page.set_viewport_size({"width": width, "height": 844})
    await page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]  # one of ours
    path = ARTEFACTS / folder / look / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(await _picture(page))
    assert path.stat().st_size > 1_000
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, (look, name)


async def _picture(page: Page) -> bytes:
    """The whole page as JPEG, a quarter less work than PNG; by the protocol, a third less than by the library."""
    # kept as long as the page: the end of a session would take the page's authenticator with it
    if page not in _sessions:
        _sessions[page] = await page.context.new_cdp_session(page)
    how = {"format": "jpeg", "quality": 85, "captureBeyondViewport": True}
    taken = await _sessions[page].send("Page.captureScreenshot", how)
    return base64.b64decode(taken["data"])


async def looked_at(page: Page, folder: str, name: str) -> None:
    """A page that stands, in each look: a picture, and what a screen reader stumbles over."""
    for look, rules in RULES.items():
        await pictured(page, folder, name, look)
        await no_faults(page, f"{folder} {look} {name}", rules)


def page_routes(people: People) -> list[Route]:
    """Where the console answers GET, in the order in which it looks, without the twins in JSON."""
    console = people.world.app.console
    assert console._address is not None
    found = console.app(console._address)._app.routes  # type: ignore[attr-defined]  # of the guard around them
    return [one for one in found if "GET" in (one.methods or ()) and not one.path.endswith(".json")]


def route_of(routes: list[Route], path: str) -> str:
    """The route that answers a path."""
    scope = {"type": "http", "method": "GET", "path": path.partition("?")[0]}
    return next(one.path for one in routes if one.matches(scope)[0] is Match.FULL)
