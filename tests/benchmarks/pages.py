"""`uv run python -m tests.benchmarks.pages [--actions 300]`: actions in pages against the same steps in bare playwright.

One run prints the ratio, both warm and signed in, in blocks that take turns, and the memory as the actions go by.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from adapters.browser.launch import find_browser
from tests.helpdesk.desk import Front, Site, desk_workspace
from tests.world import Sandbox, World, gateway

BLOCK = 5
LABELS = {"critical": "1. Critical", "high": "2. High", "normal": "3. Normal", "low": "4. Low"}


def only_pages(folder: Path) -> None:
    """The contract without its API route, and without a window in which the same call is the same action."""
    path = folder / "contracts" / "helpdesk" / "set_ticket_priority.yaml"
    text = path.read_text()
    start, end = text.index("  - http:"), text.index("  - browser:")
    text = text[:start] + text[end:].replace("http: [before, after, response], ", "")
    path.write_text(text + "repeat_window: 0ms\n")


def tree(root: int) -> Iterator[int]:
    """A process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(entry.name))
    todo = [root]
    while todo:
        pid = todo.pop()
        yield pid
        todo += parents.get(pid, [])


def own(world: World) -> Iterator[int]:
    """The gateway, which is this process, with its browser."""
    yield os.getpid()
    for pid in world.app.adapters.browser.pids():
        yield from tree(pid)


def mebibytes(pids: Iterator[int]) -> float:
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        # anonymous pages by their share: those of files change with whatever else runs on this machine, and private
        # ones are nobody's while a process forks
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    return total / 1024


async def bare(browser: Any, state: Any, url: str, ticket: int, label: str) -> None:
    """What the flow does, by hand."""
    context = await browser.new_context(storage_state=state)
    page = await context.new_page()
    await page.goto(f"{url}/admin/helpdesk/ticket/{ticket}/change/")
    await page.get_by_role("heading", level=2).first.inner_text()
    await page.get_by_label("Priority:", exact=True).select_option(label=label)
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("was changed successfully").wait_for()
    await context.close()


async def measure(world: World, site: Site, actions: int) -> None:
    turns = itertools.cycle((ticket, name) for name in LABELS for ticket in range(1, 9))
    ours: list[float] = []
    theirs: list[float] = []
    async with async_playwright() as driver, world.client() as client:
        browser = await driver.chromium.launch(
            executable_path=str(find_browser()), args=["--disable-gpu", *([] if os.geteuid() else ["--no-sandbox"])]
        )
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"{site.url}/admin/login/")
        await page.get_by_label("Username:").fill("ailyus")
        await page.get_by_label("Password:").fill("ailyus-pass-1")
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_load_state()
        state = await context.storage_state()
        await context.close()

        async def action() -> float:
            ticket, name = next(turns)
            began = time.perf_counter()
            arguments = {"ticket_id": str(ticket), "priority": name}
            result = await client.call_tool("set_ticket_priority", arguments)
            answer = dict(result.structured_content or {})
            assert answer["status"] == "confirmed", answer
            assert answer["changed"], answer
            return time.perf_counter() - began

        await action()
        while len(ours) < min(actions, 30):
            for _ in range(BLOCK):
                ours.append(await action())
            for _ in range(BLOCK):
                ticket, name = next(turns)
                began = time.perf_counter()
                await bare(browser, state, site.url, ticket, LABELS[name])
                theirs.append(time.perf_counter() - began)
        await browser.close()
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(f"warm action in pages: {ratio:.2f} x bare playwright ({statistics.median(ours) * 1000:.0f} ms)")
        began = time.perf_counter()
        four = [world.call("set_ticket_priority", {"ticket_id": str(n), "priority": "very_low"}) for n in range(1, 5)]
        assert all(a["status"] == "confirmed" for a in await asyncio.gather(*four))
        print(f"four at once: {(time.perf_counter() - began) / statistics.median(ours):.2f} x one")
        for number in range(len(ours), actions):
            await action()
            if number % 50 == 0:
                print(f"{number} actions: {mebibytes(own(world)):.0f} MiB with the browser", flush=True)
    print(f"{actions} actions: {mebibytes(own(world)):.0f} MiB with the browser")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--actions", type=int, default=300)
    actions = parser.parse_args().actions
    with tempfile.TemporaryDirectory() as name:
        folder, sandbox = Path(name), Sandbox()
        os.chmod(folder, 0o700)
        site = Site(folder)
        try:
            workspace = desk_workspace(folder / "w", sandbox, Front(site, site.url))
            only_pages(folder / "w")
            async with gateway(workspace, sandbox) as world:
                await measure(world, site, actions)
        finally:
            site.close()
            sandbox.close()


if __name__ == "__main__":
    asyncio.run(main())
