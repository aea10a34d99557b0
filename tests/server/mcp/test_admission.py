"""Clients that disconnect, flood, send too much, half a body, or never read: bounded, and others go on."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.mcp.admission import IN_FLIGHT, MAX_BODY, MAX_HELD_EACH, MAX_PARTS, Admission, Rejection
from tests.server.loads import FIND, headers, nested
from tests.slowness import scaled
from tests.web import web
from tests.world import Sandbox, World, gateway, make_workspace


def at_most(folder: Path, sandbox: Sandbox, rate: int) -> AbstractAsyncContextManager[World]:
    """A gateway where one principal has so many requests a second, and half a second for a body."""
    workspace = make_workspace(folder, sandbox)
    toml = workspace.root / "ailyus.toml"
    text = toml.read_text()
    assert "[server]" in text
    toml.write_text(text.replace("[server]\n", f'[server]\nrate = {rate}\npatience = "500ms"\n'))
    return gateway(type(workspace).open(workspace.root), sandbox)


@pytest.fixture
async def strict(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with at_most(tmp_path / "w", sandbox, 20) as world:
        yield world


@pytest.fixture
async def narrow(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """So narrow that a flood is one however slowly this machine sends it."""
    async with at_most(tmp_path / "w", sandbox, 2) as world:
        yield world


async def another(world: World) -> str:
    return await world.app.agents.add("quiet-bot", "acme", "requester", "requester", frozenset({"Support"}), False)


async def is_well(world: World, token: str) -> bool:
    async with web(timeout=20) as http:
        answer = await http.post(world.url, json=FIND, headers=headers(token))
    return bool(answer.json()["result"]["structuredContent"]["status"] == "confirmed")


async def raw(world: World, token: str, *parts: bytes, length: int | None = None) -> asyncio.StreamReader:
    """A connection on which exactly these bytes were sent."""
    host, _, port = world.url.removeprefix("http://").removesuffix("/mcp").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    size = sum(map(len, parts)) if length is None else length
    head = f"POST /mcp HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {size}\r\n"
    head += "".join(f"{n}: {v}\r\n" for n, v in headers(token).items())
    writer.write(head.encode() + b"\r\n" + b"".join(parts))
    await writer.drain()
    reader.writer = writer  # type: ignore[attr-defined] # whoever closes it finds it there
    return reader


async def closed(*readers: asyncio.StreamReader) -> None:
    for reader in readers:
        reader.writer.close()  # type: ignore[attr-defined]
    await asyncio.sleep(0)


async def test_a_flood_is_told_to_wait_and_others_are_not(narrow: World) -> None:
    other = await another(narrow)
    async with web(timeout=20) as http:
        sent = [http.post(narrow.url, json=FIND, headers=headers(narrow.token)) for _ in range(100)]
        came = await asyncio.gather(*sent)
    codes = [answer.status_code for answer in came]
    assert set(codes) == {200, 429}
    assert codes.count(200) < 50
    late = next(answer for answer in came if answer.status_code == 429)
    assert late.headers["retry-after"] == "1"
    assert await is_well(narrow, other)
    await asyncio.sleep(1.5)
    assert await is_well(narrow, narrow.token)


async def test_tokens_that_are_nobodys_cost_no_look_at_the_store(strict: World) -> None:
    reads = 0
    journal = strict.app.journal
    inner = journal.store.read

    async def counting(*arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        return await inner(*arguments)

    journal.store.read = counting  # type: ignore[method-assign]
    for _ in range(50):
        assert await strict.app.agents.caller("ailyus_" + "x" * 43) is None
    assert reads == 1


async def test_half_a_body_is_waited_for_so_long_and_no_longer(strict: World) -> None:
    body = orjson.dumps(FIND)
    reader = await raw(strict, strict.token, body[: len(body) // 2], length=len(body))
    other = await another(strict)
    assert await is_well(strict, other)
    status = await asyncio.wait_for(reader.readline(), scaled(10))
    assert b" 408 " in status
    await closed(reader)


async def test_half_a_mebibyte_is_read_and_more_is_not(strict: World) -> None:
    big = {**FIND, "params": {"name": "find_user", "arguments": {"email": "x" * (MAX_BODY - 300)}}}
    async with web(timeout=30) as http:
        answer = await http.post(strict.url, json=big, headers=headers(strict.token))
        assert answer.json()["result"]["structuredContent"]["status"] == "invalid"
        # so many bytes count as many requests: its own next one waits, and another's does not
        larger = await http.post(strict.url, content=b" " * (MAX_BODY + 1), headers=headers(await another(strict)))
        assert larger.status_code == 413
        unknown = await http.post(strict.url, content=b" " * MAX_BODY, headers=headers("nobody"))
        assert unknown.status_code == 401


async def test_a_body_of_many_parts_is_refused_before_it_is_parsed(strict: World) -> None:
    other = await another(strict)
    async with web(timeout=30) as http:
        whole = nested(MAX_PARTS - 50)
        assert len(whole) < MAX_BODY
        read = await http.post(strict.url, content=whole, headers=headers(strict.token))
        assert read.json()["result"]["structuredContent"]["status"] == "invalid"
        more = await http.post(strict.url, content=nested(MAX_PARTS + 50), headers=headers(other))
        assert more.status_code == 413
        assert more.text == f"more than {MAX_PARTS} lists, objects and members in one request"


async def test_what_a_body_costs_to_parse_counts_as_requests(narrow: World) -> None:
    other = await another(narrow)
    async with web(timeout=30) as http:
        sent = [http.post(narrow.url, content=nested(MAX_PARTS - 50), headers=headers(narrow.token)) for _ in range(6)]
        came = await asyncio.gather(*sent)
        assert [answer.status_code for answer in came].count(429) >= 4
    assert await is_well(narrow, other)


async def test_many_large_bodies_at_once_are_held_up_to_a_bound(strict: World) -> None:
    other = await another(strict)
    before = resident()
    body = b" " * (MAX_BODY - 1)
    sending = [asyncio.create_task(raw(strict, strict.token, body, length=MAX_BODY)) for _ in range(24)]
    assert await is_well(strict, other)
    readers = await asyncio.gather(*sending)
    statuses = [await asyncio.wait_for(reader.readline(), scaled(20)) for reader in readers]
    assert all(b" 503 " in status or b" 408 " in status or b" 429 " in status for status in statuses)
    assert resident() - before < 60 * 1024 * 1024
    await closed(*readers)


async def test_a_client_that_never_reads_and_one_that_goes_away(strict: World) -> None:
    other = await another(strict)
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    readers = []
    for _ in range(10):
        reader = await raw(strict, strict.token, body)
        readers.append(reader)
    assert await is_well(strict, other)
    for reader in readers:  # gone in the middle of the answer
        reader.writer.transport.abort()  # type: ignore[attr-defined]
    await asyncio.sleep(0.3)
    assert await is_well(strict, strict.token)


async def test_so_many_requests_at_once_and_no_more() -> None:
    admission = Admission(0, 1.0)
    async with AsyncExitStack() as held:
        for _ in range(IN_FLIGHT):
            await held.enter_async_context(admission.admitted("a"))
        with pytest.raises(Rejection) as refused:
            async with admission.admitted("a"):
                pass
        assert refused.value.status == 429
        async with admission.admitted("b"):
            pass
    async with admission.admitted("a"):
        pass


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, MAX_BODY)), max_size=40))
@example([("a", MAX_HELD_EACH), ("a", 1)])
@example([("a", MAX_HELD_EACH - 1), ("a", 2), ("b", MAX_HELD_EACH), ("b", 1)])
def test_what_is_held_never_passes_its_bounds_and_is_given_back(sizes: list[tuple[str, int]]) -> None:
    admission = Admission(0, 1.0)
    open_ = []
    held = {"a": 0, "b": 0}
    for principal, size in sizes:
        manager = admission.holding(principal, size)
        try:
            manager.__enter__()
        except Rejection:
            assert held[principal] + size > MAX_HELD_EACH
            continue
        held[principal] += size
        open_.append(manager)
        assert held[principal] <= MAX_HELD_EACH
    for manager in open_:
        manager.__exit__(None, None, None)
    with admission.holding("a", MAX_HELD_EACH), admission.holding("b", MAX_HELD_EACH):
        pass


def resident() -> int:
    """Bytes of this process that are in memory and its own."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty"):
            return int(line.split()[1]) * 1024
    raise AssertionError(os.name)


async def test_nobodies_share_one_share_and_leave_the_others_theirs(narrow: World) -> None:
    assert await is_well(narrow, narrow.token)
    async with web(timeout=20) as http:
        sent = [http.post(narrow.url, json=FIND, headers=headers(f"ailyus_{n}")) for n in range(150)]
        flooding = asyncio.gather(*sent)
        await asyncio.sleep(0.2)
        assert await is_well(narrow, narrow.token)
        codes = [answer.status_code for answer in await flooding]
    assert set(codes) == {401, 429}
