"""One warm browser: isolated tabs, a new process when it dies, no growth, and its own user."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings, launch_line
from adapters.browser.socks_proxy import SocksProxy
from contracts.errors import AilyusError
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.benchmarks.pages import mebibytes, tree
from tests.helpdesk.desk import Desk, Site, desk_of
from tests.helpdesk.pages import kill, only_pages
from tests.until import until
from tests.world import Sandbox, cli, make_workspace


@pytest.fixture
async def chromium(browser_part: str) -> AsyncIterator[Chromium]:
    browser = Chromium(BrowserSettings(sandbox=not browser_part))
    yield browser
    await browser.close()


async def test_four_at_once_share_nothing(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str) -> None:
    """Two connections with two accounts, two actions each, at once: no request carries a cookie of another."""
    names = ("helpdesk", "helpdesk-two")
    async with desk_of(
        tmp_path / "w", sandbox, site, part=browser_part, names=names, seconds=40, patience="15s", api="15s"
    ) as desk:
        (desk.world.workspace.root / ".ailyus/secrets/helpdesk-two-login").write_text("ailyus:ailyus-pass-1")
        cookies: dict[str, set[str]] = {}

        async def hook(request: Request, body: bytes) -> Response | None:
            name = request.url.path.split("/")[4] if "/ticket/" in request.url.path else ""
            if name:
                cookies.setdefault(name, set()).add(request.cookies.get("mark", ""))
            if request.method == "GET" and name:
                answer = await desk.front.passed(request, body)
                answer.headers.append("set-cookie", f"mark=of-{name}; path=/")
                return answer
            return await only_pages(request, body)

        desk.front.before = hook
        calls = [
            desk.world.approved(
                "set_ticket_priority", {"ticket_id": str(n), "priority": "high", "connection": names[n % 2]}
            )
            for n in range(1, 5)
        ]
        answers = await asyncio.gather(*calls)
        attempts = [desk.world.proof(a["receipt_id"]).receipt.get("attempts") for a in answers]
        assert [a["status"] for a in answers] == ["confirmed"] * 4, json.dumps([answers, attempts])
        assert all(marks <= {"", f"of-{name}"} for name, marks in cookies.items()), cookies
        assert desk.front.count("POST", "/login/") == 2  # one session for each connection


async def test_three_whose_session_ended_sign_in_once(
    tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str
) -> None:
    async with desk_of(tmp_path / "w", sandbox, site, part=browser_part, seconds=40, patience="15s", api="15s") as desk:
        desk.front.before = only_pages
        assert (await desk.set_priority("high", 8))["status"] == "confirmed"
        desk.site.sign_out()
        answers = await asyncio.gather(*(desk.set_priority("high", n) for n in range(1, 4)))
        assert [a["status"] for a in answers] == ["confirmed"] * 3, answers
        assert desk.front.count("POST", "/login/") == 2


async def test_a_browser_that_dies_while_signing_in_is_no_failed_sign_in(desk: Desk) -> None:
    killed = []

    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method == "POST" and request.url.path == "/admin/login/" and not killed:
            killed.append(True)
            kill(desk)
        return await only_pages(request, body)

    desk.front.before = hook
    answer = await desk.set_priority("high")
    assert answer["status"] == "confirmed", answer
    attempts = desk.world.proof(answer["receipt_id"]).receipt["attempts"]
    assert [a["delivery"] for a in attempts] == ["no_effect", "not_sent", "answered"]


async def test_a_tab_begins_with_nothing_of_another(chromium: Chromium, site: Site) -> None:
    urls = frozenset({site.url})
    async with chromium.tab(urls, None) as one:
        await one.page.goto(f"{site.url}/admin/login/")
        await one.page.evaluate("() => { localStorage.setItem('k', 'v'); document.cookie = 'k=v' }")
        state = await one.context.storage_state()
    async with chromium.tab(urls, state) as two, chromium.tab(urls, None) as three:
        await three.page.goto(f"{site.url}/admin/login/")
        assert await three.page.evaluate("() => [localStorage.getItem('k'), document.cookie.includes('k=v')]") == [
            None,
            False,
        ]
        await two.page.goto(f"{site.url}/admin/login/")
        assert await two.page.evaluate("() => document.cookie.includes('k=v')")


async def test_a_browser_that_died_is_followed_by_a_new_one(desk: Desk) -> None:
    desk.front.before = only_pages
    assert (await desk.set_priority("high"))["status"] == "confirmed"
    first = desk.world.app.adapters.browser.pids()
    kill(desk)
    assert (await desk.set_priority("low"))["status"] == "confirmed"
    second = desk.world.app.adapters.browser.pids()
    assert second
    assert not set(first) & set(second)


@pytest.mark.parametrize("when", ["at work", "idle"])
async def test_a_browser_that_hangs_is_ended(chromium: Chromium, site: Site, when: str) -> None:
    urls = frozenset({site.url})

    def freeze() -> None:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)

    async with chromium.tab(urls, None) as tab:
        await tab.page.goto(f"{site.url}/admin/login/")
        frozen = chromium.pids()
        if when == "at work":
            freeze()
    if when == "idle":
        freeze()
    async with chromium.tab(urls, None) as tab:
        await tab.page.goto(f"{site.url}/admin/login/")
    assert not set(frozen) & set(chromium.pids())


async def test_a_driver_that_died_is_followed_by_a_new_one(chromium: Chromium, site: Site) -> None:
    urls = frozenset({site.url})
    async with chromium.tab(urls, None):
        pass
    parents = {int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) for pid in chromium.pids()}
    for pid in parents - {os.getpid(), 1}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.2)
    async with chromium.tab(urls, None) as tab:
        await tab.page.goto(f"{site.url}/admin/login/")


async def test_memory_stays(chromium: Chromium, site: Site) -> None:
    """The short form of `python -m tests.benchmarks.pages`: thirty tabs leave no more behind than ten."""
    urls = frozenset({site.url})

    def taken() -> float:
        return mebibytes(pid for root in chromium.pids() for pid in tree(root))

    async def visits(count: int) -> None:
        for _ in range(count):
            async with chromium.tab(urls, None) as tab:
                await tab.page.goto(f"{site.url}/admin/login/")

    await visits(10)
    before = max([taken() for _ in range(5)])
    await visits(20)
    await until(lambda: taken() < before * 1.5)


async def test_the_wall_lets_only_its_places_through(site: Site) -> None:
    wall = SocksProxy([site.url])
    port = int((await wall.open()).rsplit(":", 1)[1])

    async def ask(host: bytes, to: int, command: int = 1) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x01\x00" + bytes([5, command, 0, 3, len(host)]) + host + to.to_bytes(2, "big"))
        assert await reader.readexactly(2) == b"\x05\x00"
        answer = await reader.read(10)
        writer.close()
        return answer[1]

    assert await ask(b"127.0.0.1", site.port) == 0
    assert await ask(b"127.0.0.1", 1) == 2
    assert await ask(b"localhost", site.port) == 2
    assert await ask(b"example.com", 443) == 2
    assert await ask(b"127.0.0.1", site.port, command=2) == 7
    assert wall.refused == 3
    await wall.close()


async def test_a_wall_that_closes_forgets_no_connection() -> None:
    for turns in range(4):
        wall = SocksProxy([])
        port = int((await wall.open()).rsplit(":", 1)[1])
        callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await wall.close()
        await asyncio.sleep(0.01)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            gc.collect()
        for caller in callers:
            caller.close()
        assert not [str(w.message) for w in said if issubclass(w.category, ResourceWarning)]


async def test_a_wall_that_four_open_at_once_is_one() -> None:
    wall = SocksProxy([])
    assert len(set(await asyncio.gather(*(wall.open() for _ in range(4))))) == 1
    await wall.close()


@pytest.mark.parametrize("turns", range(9))
async def test_a_wall_whose_opening_is_cancelled_leaves_no_server(turns: int) -> None:
    wall = SocksProxy([])
    opening = asyncio.create_task(wall.open())
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await wall.close()
    keys = asyncio.get_running_loop()._selector.get_map().values()  # type: ignore[attr-defined]
    listening = [key for key in keys if key.data[0] and "accept" in repr(key.data[0])]
    assert listening == []


def test_the_browser_keeps_its_sandbox_and_has_a_user_of_its_own(tmp_path: Path) -> None:
    program, arguments = launch_line(BrowserSettings(), Path("/usr/bin/true"), tmp_path)
    assert "--no-sandbox" not in arguments
    if os.geteuid() == 0:
        assert program.endswith("setpriv")
        assert any(a.startswith("--reuid=") and a != "--reuid=0" for a in arguments)
    with pytest.raises(AilyusError, match="user"):
        launch_line(BrowserSettings(user="nobody-of-this-name"), Path("/usr/bin/true"), tmp_path)


def test_production_never_gives_the_sandbox_up(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra="\n[browser]\nsandbox = false\n")
    assert workspace.settings.development
    path = workspace.root / FILE
    path.write_text(path.read_text().replace("development = true", "development = false"))
    with pytest.raises(AilyusError, match="keeps its sandbox"):
        Workspace.open(workspace.root)


async def test_doctor_looks_at_the_browser(desk: Desk) -> None:
    root = desk.world.workspace.root
    assert "OK   browser: " in await asyncio.to_thread(cli, "doctor", cwd=root)
    path = root / FILE
    text = path.read_text()
    path.write_text(text.replace("[browser]\n", "") + '\n[browser]\npath = "/nowhere/chromium"\n')
    said = await asyncio.to_thread(cli, "doctor", cwd=root, ok=False)
    assert "FAIL browser: there is none\n     next: ailyus doctor --fix" in said
