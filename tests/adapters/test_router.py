"""The router: who observed, what lacks a credential, and a look that is none where one read is not answered."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.browser.account_session import BrowserSessions
from adapters.browser.adapter import BrowserAdapter
from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from adapters.credentials.cache import Credentials
from adapters.http.adapter import HttpAdapter
from adapters.mcp.adapter import McpAdapter
from adapters.mcp.pool import Servers
from adapters.python.adapter import PythonAdapter
from adapters.python.pool import Hosts
from adapters.router import AdapterRouter, channel_of
from contracts.action.dispatch import ReadPermit
from contracts.action.target import Ui
from contracts.compiler.program import Program
from policies.release import Release
from tests.adapters.raw_server import answer, raw_server
from tests.adapters.requests import Open, release_for, request_for
from tests.contracts.making import WRITE, program
from tests.contracts.targets import UI, target
from tests.slowness import scaled

BOTH = ["before", "after"]
GET: dict[str, Any] = {"get": "/records/${inputs.record}"}
TOOL: dict[str, Any] = {"mcp": {"tool": "get", "definition": "d" * 64, "arguments": {"id": "${inputs.record}"}}}
ACT_TOOL: dict[str, Any] = {"mcp": {"tool": "set", "definition": "c" * 64}}
PAGES: dict[str, Any] = {"browser": {"flow": "press"}}


def acting(route: dict[str, Any], **observe: Any) -> Program:
    return program(execute=[route], evidence=dict.fromkeys(("http", "mcp", "browser"), BOTH), observe=observe)


@pytest.mark.parametrize(
    ("made", "at", "channel"),
    [
        (acting(WRITE["execute"][0], record=GET), target(), "separate_credential"),
        (acting(WRITE["execute"][0], record=GET), target(read="env:WRITE"), "same_channel"),
        (acting(WRITE["execute"][0], record={**GET, "target": "other"}), target(read="env:WRITE"), "separate_system"),
        (acting(WRITE["execute"][0], record={"browser": "look"}), target(read="env:WRITE", ui=UI), "separate_credential"),
        (acting(PAGES, record={"browser": "look"}), target(ui=UI), "same_channel"),
        (acting(PAGES, record={"browser": "look"}), target(ui=Ui("https://p.example", "env:A", "a", "env:B", "b")), "separate_credential"),
        (acting(PAGES, record=GET), target(read="env:WRITE", ui=UI), "separate_credential"),
        (acting(ACT_TOOL, record=TOOL), target(), "same_channel"),
        (acting(ACT_TOOL, record=GET), target(read="env:WRITE"), "separate_credential"),
        (acting(WRITE["execute"][0], record=TOOL), target(read="env:WRITE"), "separate_credential"),
    ],
)  # fmt: skip
def test_who_observed(made: Program, at: Any, channel: str) -> None:
    assert channel_of(made.reads, at, made) == channel


def router_for(release: Release, root: Path) -> AdapterRouter:
    def now_ms() -> int:
        return int(time.time() * 1000)

    gate: Any = Open()
    sessions = BrowserSessions(Chromium(BrowserSettings()))
    return AdapterRouter(
        release,
        HttpAdapter(release, gate, Credentials(root), now_ms),
        BrowserAdapter(release, gate, Credentials(root), now_ms, sessions),
        McpAdapter(release, gate, now_ms, Servers(Credentials(root))),
        PythonAdapter(release, gate, now_ms, Hosts(Credentials(root))),
    )


async def test_a_look_is_of_every_declared_read(tmp_path: Path) -> None:
    async with raw_server(answer(200, b'{"value": "old", "version": "1"}')) as (port, seen):
        release = release_for(port)
        router = router_for(release, tmp_path)
        look = await router.observe(ReadPermit(request_for(release), time.monotonic() + scaled(5)))
        await router.close()
    assert look.ok
    assert look.scope("before") == {"before.record": {"value": "old", "version": "1"}}
    assert len(seen) == 1
    assert seen[0].startswith(b"GET /v1/records/r1 ")


@pytest.mark.parametrize(
    ("status", "missing", "outage"),
    [(404, True, None), (503, False, "target_failed"), (401, False, "credential_refused")],
)
async def test_a_look_that_is_not_answered_is_none(
    tmp_path: Path, status: int, missing: bool, outage: str | None
) -> None:
    async with raw_server(answer(status)) as (port, _):
        release = release_for(port)
        router = router_for(release, tmp_path)
        look = await router.observe(ReadPermit(request_for(release), time.monotonic() + scaled(5)))
        await router.close()
    assert not look.ok
    assert (look.missing, look.outage.outage if look.outage else None) == (missing, outage)


async def test_what_is_beside_no_connection_is_a_fault(tmp_path: Path) -> None:
    release = release_for(1)
    router = router_for(release, tmp_path)
    foreign = replace(request_for(release), tenant="other")
    assert (await router.observe(ReadPermit(foreign, time.monotonic()))).fault == "no such connection"
    read = replace(release.catalog.programs["put_record"].reads[0], target="nobody")
    found: Any = await router.read(read, release.targets["records"], "ann", {}, time.monotonic())
    assert found.sentence == "no connection of kind `nobody` stands beside `records`"
    await router.close()


async def test_what_lacks_a_credential_is_said_before_an_intent(tmp_path: Path) -> None:
    release = release_for(1, write="env:AILYUS_TEST_NOWHERE")
    router = router_for(release, tmp_path)
    lack = await router.lacks(request_for(release), 0)
    assert lack is not None
    assert (lack.outage, lack.connection) == ("no_credential", "records")
    with_one = release_for(1)
    assert await router_for(with_one, tmp_path).lacks(request_for(with_one), 0) is None
    await router.close()
