"""The monitor: what was found last is what is told, and what nobody looks at any more is not well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from server.admin.health import monitor
from server.admin.health.check import HealthCheck, HealthResult
from server.admin.health.endpoint import HealthEndpoint
from server.admin.health.monitor import HealthMonitor
from server.admin.health.report import HealthReport
from tests.until import until
from tests.web import web
from tests.world import app_serving, free_port

WELL = HealthResult(True, "it is well")


class Part:
    """A part of the gateway whose state a test sets."""

    def __init__(self, name: str = "part") -> None:
        self.result: HealthResult | Exception = WELL
        self.hangs = asyncio.Event()
        self.looks = 0
        self.at_once = 0
        self.most = 0
        self.check = HealthCheck(name, self.look, 0.01)

    async def look(self) -> HealthResult:
        self.looks += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.hangs.is_set():
            await asyncio.sleep(3600)
        self.at_once -= 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@asynccontextmanager
async def watched(*parts: Part, alive: tuple[Part, ...] = ()) -> AsyncIterator[HealthMonitor]:
    watching = HealthMonitor([part.check for part in parts], [part.check for part in alive])
    await watching.start()
    try:
        yield watching
    finally:
        await watching.stop()


async def test_a_part_that_is_not_well_is_told_and_told_again_when_it_is() -> None:
    part, other = Part(), Part("other")
    async with watched(part, other) as health:
        assert health.ready().ok  # the first look is over when it has started
        part.result = HealthResult(False, "it broke")
        await until(lambda: not health.ready().ok)
        assert [(line.check, line.ok, line.says) for line in health.ready().checks] == [
            ("part", False, "it broke"),
            ("other", True, "it is well"),
        ]
        part.result = WELL
        await until(lambda: health.ready().ok)


async def test_a_look_that_hangs_is_not_well_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "MAX_AGE_SECONDS", 0.2)
    part = Part()
    async with watched(part) as health:
        part.hangs.set()
        await until(lambda: not health.ready().ok)
        assert "the last look ended" in health.ready().checks[0].says
        looks = part.looks
        await asyncio.sleep(0.1)
        assert (part.looks, part.most) == (looks, 1)  # one at a time, however long it takes


async def test_what_was_never_looked_at_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "FIRST_SECONDS", 0.05)
    part = Part()
    part.hangs.set()
    async with watched(part) as health:
        assert not health.ready().ok


async def test_a_look_that_fails_says_nothing_of_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    part = Part()
    part.result = RuntimeError("maria@example.com at db.internal")
    async with watched(part) as health:
        assert not health.ready().ok
        assert "maria" not in health.ready().encoded().decode()
    assert "maria" not in capsys.readouterr().err


async def test_who_is_about_to_end_is_not_ready_and_alive() -> None:
    async with watched(Part(), alive=(Part("writer"),)) as health:
        health.end()
        assert not health.ready().ok
        assert health.ready().checks[-1].check == "serving"
        assert health.alive().ok


async def test_alive_is_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    part, writer = Part(), Part("writer")
    async with watched(part, alive=(writer,)) as health:
        part.result = HealthResult(False, "it broke")
        await until(lambda: not health.ready().ok)
        assert health.alive().ok
        writer.result = HealthResult(False, "nothing more is written until a restart")
        await until(lambda: not health.alive().ok)
        writer.result = WELL
        await until(lambda: health.alive().ok)
    monkeypatch.setattr(monitor, "MAX_AGE_SECONDS", 0.0)
    assert [line.check for line in health.alive().checks if not line.ok] == ["loop", "writer"]


async def test_the_endpoint_answers_for_balancers() -> None:
    part, port = Part(), free_port()
    async with watched(part) as health, app_serving(HealthEndpoint(health), port), web() as http:
        url = f"http://127.0.0.1:{port}/readyz"
        answer = await http.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.headers["cache-control"] == "no-store"
        assert orjson.loads(answer.content) == {
            "ok": True, "checks": [{"check": "part", "ok": True, "says": "it is well"}],
        }  # fmt: skip
        assert (await http.head(url)).content == b""
        assert (await http.post(url)).status_code == 405
        part.result = HealthResult(False, "it broke")
        await until(lambda: not health.ready().ok)
        assert (await http.get(url)).status_code == 503
        assert (await http.get(f"http://127.0.0.1:{port}/livez")).status_code == 200


async def test_a_report_has_a_line_for_each_check() -> None:
    async with watched(Part("one"), Part("two")) as health:
        encoded = health.ready().encoded()
    lines = encoded.decode().splitlines()
    assert [sum(name in line for line in lines) for name in ('"one"', '"two"')] == [1, 1]
    assert len(lines) == 4
    assert HealthReport.model_validate_json(encoded).ok
