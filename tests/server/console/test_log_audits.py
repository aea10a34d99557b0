"""The audit of a short log is the page's own; that of a long one runs beside the page, which shows the last one."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from server.console import log_audits
from tests.console.visitor import Visitor, visitor
from tests.slowness import scaled
from tests.world import MARIA, World

PAGE = "/questions/missing.json"


async def answered(lead: Visitor, wanted: Callable[[Any], bool]) -> Any:
    """The page, once it says so."""
    end = time.monotonic() + scaled(30)
    while not wanted(found := await lead.json(PAGE)):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.01)
    return found


async def edit(world: World) -> None:
    await world.app.store.write(lambda txn: txn.write("UPDATE statements SET status = 'denied' WHERE kind = 'outcome'"))


async def test_a_short_log_is_audited_while_the_page_waits(world: World) -> None:
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    async with visitor(world, "lead") as lead:
        found = await lead.json(PAGE)
        assert (found["ok"], found["began_ms"], found["then"]) == (True, None, 0)
        await edit(world)
        assert not (await lead.json(PAGE))["ok"]


async def test_a_long_log_is_audited_beside_the_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    monkeypatch.setattr(log_audits, "SHORT", 0)
    async with visitor(world, "lead") as lead:
        first = await lead.json(PAGE)
        assert (first["audited"], first["ok"]) == (False, None)
        assert first["began_ms"] is not None
        found = await answered(lead, lambda page: page["audited"])
        assert (found["ok"], found["began_ms"], found["now"]) == (True, None, found["now"])
        await edit(world)
        # it stands for a minute, and says when it ended
        assert (await lead.json(PAGE))["ended_ms"] == found["ended_ms"]
        assert "Nothing is missing" in await lead.get("/questions/missing")
        monkeypatch.setattr(log_audits, "KEEP_MS", -1)
        assert "is being audited" in await lead.get("/questions/missing")
        assert (await answered(lead, lambda page: not page["ok"]))["findings"]


async def test_another_time_is_another_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_audits, "SHORT", 0)
    async with visitor(world, "lead") as lead:
        await answered(lead, lambda page: page["audited"])
        asked = await lead.json(f"{PAGE}?since=1h")
        assert (asked["ago"], asked["began_ms"] is not None) == ("168h", True)
        assert "no length of time" in str(await lead.json(f"{PAGE}?since=soon"))
