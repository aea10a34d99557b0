"""What a target says that it still takes: reads wait for it, and no intent is made over a limit that is used up."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.http.rate_budget import RateBudgets, RateKey, read_keys, retry_after_seconds, write_keys
from adapters.router import AdapterRouter
from contracts.action.observation import Reading, ReadOutage
from contracts.compiler.catalog import load_catalog
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from contracts.schema.rate_headers import RateHeaders
from policies.candidate import Candidate
from policies.principal import People
from policies.release import Release
from tests.adapters.raw_server import Handler, answer, raw_server
from tests.adapters.requests import adapter_for, execute, look, release_for, request_for
from tests.contracts.targets import target
from tests.slowness import scaled
from tests.world import ROOT

NOW = datetime(2026, 11, 30, 6, 0, 0, tzinfo=UTC)
DATE = format_datetime(NOW, usegmt=True)
EPOCH = int(NOW.timestamp())
OKTA = RateHeaders(remaining="X-Rate-Limit-Remaining", reset="X-Rate-Limit-Reset", reset_is="epoch", per="path")
ZENDESK = RateHeaders(remaining="ratelimit-remaining", reset="ratelimit-reset")
XERO = RateHeaders(remaining="X-MinLimit-Remaining")
KEY = RateKey("main", "none", "", "h", "")
RECORD = b'{"id": "r1", "version": "1", "value": "old"}'


def waits(rule: RateHeaders, headers: Mapping[str, str], status: int = 200, need: int = 1) -> int:
    budgets = RateBudgets()
    budgets.note([(rule, KEY)], status, headers)
    return round(budgets.wait_seconds([(rule, KEY)] * need))


@pytest.mark.parametrize(
    ("rule", "headers", "need", "seconds"),
    [
        (OKTA, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH + 40), "date": DATE}, 1, 40),
        (OKTA, {"x-rate-limit-remaining": "2", "x-rate-limit-reset": str(EPOCH + 40), "date": DATE}, 2, 0),
        (OKTA, {"x-rate-limit-remaining": "2", "x-rate-limit-reset": str(EPOCH + 40), "date": DATE}, 3, 40),
        (OKTA, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH - 40), "date": DATE}, 1, 0),
        (ZENDESK, {"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 1, 30),
        (ZENDESK, {"ratelimit-remaining": "0, 5", "ratelimit-reset": "30"}, 1, 30),
        (ZENDESK, {"ratelimit-remaining": "0", "ratelimit-reset": "9" * 12}, 1, 86_400),
        (ZENDESK, {"ratelimit-remaining": "none", "ratelimit-reset": "30"}, 1, 0),
        (ZENDESK, {"ratelimit-remaining": "-1"}, 1, 0),
        (XERO, {"x-minlimit-remaining": "0"}, 1, 60),
        (XERO, {}, 1, 0),
    ],
)
def test_what_is_left_and_until_when(rule: RateHeaders, headers: dict[str, str], need: int, seconds: int) -> None:
    assert waits(rule, headers, need=need) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7),
        (503, {"retry-after": "7"}, 7),
        (200, {"retry-after": "7"}, 0),
        (429, {"retry-after": format_datetime(NOW.replace(minute=1), usegmt=True), "date": DATE}, 60),
        (429, {"retry-after": "soon"}, 0),
        (429, {"retry-after": "7", "ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30),
        (429, {"retry-after": "7", "ratelimit-remaining": "5", "ratelimit-reset": "30"}, 7),
    ],
)
def test_whom_a_target_asks_to_wait_waits(status: int, headers: dict[str, str], seconds: int) -> None:
    assert waits(ZENDESK, headers, status) == seconds


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_seconds({"retry-after": "120"}) == 120
    assert retry_after_seconds({"retry-after": format_datetime(NOW, usegmt=True), "date": DATE}) == 0
    for wrong in ("", "-1", "1.5", "\u0661", "x" * 100, "9" * 10, "Mon, 99 Nov 2026"):
        assert retry_after_seconds({"retry-after": wrong}) is None


def test_a_limit_is_a_credentials_and_perhaps_a_paths_or_a_persons() -> None:
    release = release_for(1)
    program = release.catalog.programs["put_record"]
    read, route = program.reads[0], program.routes[0]
    assert isinstance(read, Read)
    assert isinstance(route, HttpProgram)
    at = target(read="env:A", write="env:{person}")

    def keys(rule: RateHeaders) -> tuple[RateKey, RateKey]:
        (_, one), (_, other) = (
            *read_keys(replace(read, rates=(rule,)), at, "ann"),
            *write_keys(replace(route, rates=(rule,)), at, "ann"),
        )
        return one, other

    one, other = keys(ZENDESK)
    assert (one.reference, one.person, one.path) == ("env:A", "", "")
    assert (other.reference, other.person) == ("env:{person}", "ann")
    assert keys(OKTA)[0].path == "/records/${inputs.record}"


def rated(tmp_path: Path, port: int) -> Release:
    """The records, with a target that tells what it takes in Zendesk's headers."""
    folder = tmp_path / "records"
    shutil.copytree(ROOT / "tests" / "vectors" / "records", folder)
    rates = "rates: [{remaining: ratelimit-remaining, reset: ratelimit-reset}]\n"
    (folder / "_system.yaml").write_text(f"system: records\n{rates}")
    base = release_for(port)
    return Release.build(Candidate(load_catalog(folder), {}, dict(base.targets), People({}), ("Support",), origin="o"))


def left(remaining: int, reset: int) -> Handler:
    return answer(200, RECORD, f"ratelimit-remaining: {remaining}\r\nratelimit-reset: {reset}\r\n".encode())


async def test_a_read_waits_until_there_is_room_and_is_not_sent_where_that_is_too_late(tmp_path: Path) -> None:
    handlers: list[Any] = [left(0, 1), left(0, 900), left(9, 1)]
    async with raw_server(lambda writer: handlers.pop(0)(writer)) as (port, seen):
        release = rated(tmp_path, port)
        adapter = adapter_for(release)
        try:
            began = time.monotonic()
            assert isinstance(await look(adapter, release), Reading)
            assert isinstance(await look(adapter, release), Reading)
            assert time.monotonic() - began >= 0.9
            used_up = await look(adapter, release)
        finally:
            await adapter.close()
        assert isinstance(used_up, ReadOutage)
        assert (used_up.outage, used_up.sentence) == ("target_failed", "`records` takes no more requests for 900 s")
        assert len(seen) == 2


@pytest.mark.parametrize(("remaining", "taken"), [(1, False), (2, True)])
async def test_no_write_is_begun_that_could_not_be_read_back(tmp_path: Path, remaining: int, taken: bool) -> None:
    async with raw_server(left(remaining, 900)) as (port, _):
        release = rated(tmp_path, port)
        adapter = adapter_for(release)
        router = AdapterRouter(release, adapter, *[None] * 3)  # type: ignore[arg-type]  # only HTTP is asked
        try:
            assert isinstance(await look(adapter, release), Reading)
            why = await router.lacks(request_for(release), 0)
        finally:
            await adapter.close()
        assert (why is None) is taken
        assert why is None or 0 < why.frees_seconds <= 900


async def test_a_date_to_wait_for_is_kept_to_before_another_attempt() -> None:
    later = format_datetime(NOW.replace(second=9), usegmt=True)
    extra = f"date: {DATE}\r\nretry-after: {later}\r\n".encode()
    async with raw_server(answer(429, b"{}", extra)) as (port, _):
        execution = await execute(release_for(port), seconds=scaled(5))
    assert (execution.delivery, execution.retry_after_ms) == ("in_doubt", 9_000)
