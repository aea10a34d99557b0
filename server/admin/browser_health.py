"""The health of the browser: the contracts that use pages have one, and it opens."""

import asyncio

from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings, check_driver, find_browser
from contracts.compiler.read_program import FlowRead
from contracts.errors import AilyusError
from policies.release import Release
from server.admin.finding import Finding
from server.admin.health.page_use import by_pages, uses_pages
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace


def browser_finding(workspace: Workspace, release: Release) -> Finding:
    """Is there a browser that opens, and an account for each kind of pages that contracts use?"""
    settings = workspace.settings.browser
    found = find_browser(settings.path)
    if not uses_pages(release):
        return Finding("browser", True, "no contract uses one")
    kinds = {part.target for p in release.catalog.programs.values() for part in p.reads if isinstance(part, FlowRead)}
    kinds |= {p.contract.target for p in release.catalog.programs.values() if by_pages(p)}
    without = sorted(t.name for t in release.targets.values() if t.kind in kinds and t.ui is None)
    if without:
        following = f"add [connections.{without[0]}.browser] with `login` and `principal` to {FILE}"
        return Finding("browser", False, f"`{without[0]}` has no account for its pages", following)
    if found is None:
        return Finding("browser", False, "there is none", "ailyus doctor --fix")
    # a path that exists proves nothing: a sandbox without user namespaces fails only when a tab opens
    try:
        check_driver()
        version = asyncio.run(_opened(settings.launch))
    except AilyusError as error:
        return Finding("browser", False, error.sentence, error.hint)
    return Finding("browser", True, f"{found} {version}, {'in its sandbox' if settings.sandbox else 'NO SANDBOX'}")


async def _opened(settings: BrowserSettings) -> str:
    chromium = Chromium(settings)
    try:
        async with chromium.tab(frozenset(), None) as tab:
            return tab.context.browser.version if tab.context.browser else ""
    finally:
        await chromium.close()
