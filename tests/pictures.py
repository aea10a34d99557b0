"""`uv run python -m tests.pictures`: the pictures of the console that the guides show, taken anew in a world of their own.

They are looked at by people and compared by nobody: run it after the console looks different.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from tests.browsers import close_shared
from tests.console.people import people_of
from tests.project import ROOT
from tests.world import LEO, MARIA, Sandbox

FOLDER: Final = ROOT / "server" / "guide" / "pictures"
ADA: Final = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone today"}
PHONE: Final = (390, 844)
DESK: Final = (1280, 620)


async def take(folder: Path, sandbox: Sandbox) -> None:
    """One request that waits for two people, and what was done before."""
    async with people_of(folder, sandbox) as people:
        lead, world = await people.person("lead"), people.world
        await world.reset(LEO)
        await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})
        await world.reset(MARIA)
        waiting = await world.call("reset_user_mfa", ADA)
        for name, path, size in (
            ("approval", f"/approvals/{waiting['action_id']}", PHONE),
            ("approval-desk", f"/approvals/{waiting['action_id']}", DESK),
            ("actions", "/actions", DESK),
        ):
            await shown(await lead.go(path), size)
            await lead.page.screenshot(path=FOLDER / f"{name}.png")


async def shown(page: Page, size: tuple[int, int]) -> None:
    """A window of this size, in light colours."""
    width, height = size
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme="light")


def main() -> None:
    """Start the twins, take the pictures, end."""
    FOLDER.mkdir(exist_ok=True)
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(take(Path(folder) / "w", sandbox))
    finally:
        close_shared()
        sandbox.close()
    for path in sorted(FOLDER.glob("*.png")):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
