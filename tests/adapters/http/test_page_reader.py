"""Lists in pages: all of one that is still, and never a false conclusion about one that changes, breaks or loops."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.credentials.cache import Credentials
from adapters.http.adapter import HttpAdapter
from adapters.http.page_list import value_at
from adapters.http.page_reader import PageReader
from contracts.action.observation import Reading, ReadOutage
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import Read
from tests.adapters.list_server import WAYS, ListServer
from tests.adapters.raw_server import raw_server
from tests.adapters.requests import Open, release_for
from tests.contracts.making import READ, program
from tests.slowness import scaled


def read_of(way: str, **pages: Any) -> Read:
    observe = WAYS[way]
    declared = {**observe, "pages": {"id": "id", **observe["pages"], **pages}}
    read = program(READ, observe={"record": declared}, outputs={"all": "${before.record}"}).reads[0]
    assert isinstance(read, Read)
    return read


def target(base_url: str = "http://127.0.0.1:9/v1") -> Target:
    return Target("records", "records", base_url, "acme", "prod", "none", "none", "p")


async def read_list(server: ListServer, **pages: Any) -> Reading | Fault:
    read = read_of(server.way, **pages)
    assert read.pages is not None
    scope = {"inputs.record": "r1"}
    return await PageReader(read, read.pages, target(), scope, server.ask, lambda: 0).reading()


def names(reading: Reading, way: str) -> list[str]:
    read = read_of(way)
    assert read.pages is not None
    found = value_at(reading.value, read.pages.items)
    assert isinstance(found, list)
    return [str(item["id"]) for item in found if isinstance(item, dict)]


def named(count: int) -> list[str]:
    return [f"i{n}" for n in range(count)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [0, 1, 3, 7])
async def test_a_list_that_stays_as_it_is_is_whole(way: str, count: int) -> None:
    reading = await read_list(ListServer(way, named(count)))
    assert isinstance(reading, Reading)
    assert (names(reading, way), reading.whole) == (named(count), True)


@pytest.mark.parametrize("way", WAYS)
async def test_one_page_is_asked_for_once_and_several_twice_or_steadily_once(way: str) -> None:
    one, several, steady = (ListServer(way, named(n)) for n in (2, 7, 7))
    until_empty = way in ("number", "offset")
    await read_list(one)
    await read_list(several)
    await read_list(steady, steady="a cursor names the last item of its page")
    assert one.requests == (4 if until_empty else 1)
    assert several.requests == 2 * steady.requests == (8 if until_empty else 6)


BROKEN = [(way, fault) for way in WAYS for fault in ("loop", "none", 404, 403, 410)]
BROKEN += [(way, "away") for way in ("link", "next", "odata")]


@pytest.mark.parametrize(("way", "fault"), BROKEN)
async def test_a_list_that_breaks_off_is_not_whole(way: str, fault: str | int) -> None:
    reading = await read_list(ListServer(way, named(7), faults={1: fault}), steady="it stays as it is")
    assert isinstance(reading, Reading)
    assert (reading.whole, reading.status) == (False, 200)
    assert "page 2" in reading.why_cut


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [429, 500, 503, 401])
async def test_a_later_page_that_cannot_be_asked_for_is_an_outage(way: str, status: int) -> None:
    reading = await read_list(ListServer(way, named(7), faults={1: status}))
    assert isinstance(reading, ReadOutage)


async def test_a_record_that_does_not_exist_is_absent_and_a_later_page_never_makes_it_so() -> None:
    reading = await read_list(ListServer("link", named(7), faults={0: 404}))
    assert isinstance(reading, Reading)
    assert (reading.status, reading.value, reading.whole) == (404, None, True)


async def test_pages_are_bounded() -> None:
    server = ListServer("cursor", named(100), size=1)
    reading = await read_list(server, at_most=5)
    assert isinstance(reading, Reading)
    assert (reading.whole, len(names(reading, "cursor")), server.requests) == (False, 5, 5)


CHANGES = st.dictionaries(st.integers(0, 11), st.tuples(st.integers(0, 12), st.sampled_from([None, "new"])), max_size=4)
FAULTS = st.dictionaries(
    st.integers(0, 11), st.sampled_from(["loop", "empty", "none", "away", 404, 429, 500, 302]), max_size=2
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(WAYS)), st.integers(0, 12), CHANGES, FAULTS)
@example("offset", 7, {1: (0, None)}, {})  # the first item of page 2 moves onto page 1, which was read
@example("cursor", 7, {1: (0, None), 2: (6, "new")}, {})  # and the count stays the same
@example("total", 7, {1: (0, None), 2: (6, "new")}, {})
def test_what_is_called_whole_holds_all_that_was_there_and_nothing_that_was_not(
    way: str, count: int, changes: Mapping[int, tuple[int, str | None]], faults: Mapping[int, str | int]
) -> None:
    fresh = {n: (place, item and f"{item}{n}") for n, (place, item) in changes.items()}
    if way in ("number", "offset"):  # here an empty page is how the target says that there is no more
        faults = {n: fault for n, fault in faults.items() if fault != "empty"}
    server = ListServer(way, named(count), changes=fresh, faults=faults)
    reading = asyncio.run(read_list(server))
    assert server.requests <= 40
    if isinstance(reading, Fault) or not reading.whole or reading.status == 404:
        return
    found = set(names(reading, way))
    assert server.always <= found <= server.ever


@pytest.mark.parametrize(
    ("changes", "faults", "whole"),
    [({}, {}, True), ({60: (5, None)}, {}, False), ({}, {60: 404}, False), ({}, {60: "loop"}, False)],
)
async def test_ten_thousand_over_http(
    changes: Mapping[int, tuple[int, str | None]], faults: Mapping[int, str | int], whole: bool
) -> None:
    server = ListServer("link", named(10_000), size=100, changes=changes, faults=faults)
    async with raw_server(lambda writer: server.handler(seen)(writer)) as (port, seen):
        server.base_url = f"http://127.0.0.1:{port}/v1"
        adapter = HttpAdapter(release_for(port), Open(), Credentials(Path("/")), lambda: 0)  # type: ignore[arg-type]
        try:
            reading = await adapter.read(
                read_of("link", at_most=200),
                target(server.base_url),
                {"inputs.record": "r1"},
                time.monotonic() + scaled(60),
            )
        finally:
            await adapter.close()
    assert isinstance(reading, Reading)
    assert reading.whole is whole
    assert server.requests <= 200
    assert not whole or len(names(reading, "link")) == 10_000
