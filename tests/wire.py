"""A TCP relay between the gateway and a third party's server, which loses, delays or echoes what it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/xml\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Rule:
    """What happens to the next `times` requests that hold `match`."""

    match: bytes
    kind: str  # lost_reply | lost_request | late_effect | hang | refused
    times: int = 1
    seconds: float = 0.5
    until: asyncio.Event | None = None  # a late effect waits for it, and not for a time


@dataclass
class Wire:
    port: int = 0
    rules: list[Rule] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    flying: int = 0
    most: int = 0
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def add(self, match: str, kind: str, **more: Any) -> None:
        self.rules.append(Rule(match.encode(), kind, **more))

    def sent(self, match: str) -> int:
        return sum(match.encode() in request for request in self.requests)

    def rule(self, request: bytes) -> Rule | None:
        for rule in self.rules:
            if rule.times > 0 and rule.match in request:
                rule.times -= 1
                return rule
        return None


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    wire = Wire()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            length = next((int(x.split(b":")[1]) for x in lines if x.lower().startswith(b"content-length")), 0)
            body = await reader.readexactly(length) if length else b""
            request = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body
            wire.requests.append(request)
            await handle(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        rule = wire.rule(request)
        if rule and rule.kind == "lost_request":
            return
        if rule and rule.kind == "refused":
            writer.write(REFUSED)
            await writer.drain()
            return
        if rule and rule.kind == "late_effect":
            task = asyncio.create_task(later(rule, request))
            wire.tasks.add(task)
            return
        wire.flying += 1
        wire.most = max(wire.most, wire.flying)
        try:
            answer = await _exchange(port, request)
        finally:
            wire.flying -= 1
        if rule and rule.kind == "hang":
            await asyncio.sleep(rule.seconds)
        if rule is None:
            writer.write(answer)
            await writer.drain()

    async def later(rule: Rule, request: bytes) -> None:
        await (rule.until.wait() if rule.until else asyncio.sleep(rule.seconds))
        await _exchange(port, request)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in wire.tasks:
            task.cancel()
        await asyncio.gather(*wire.tasks, return_exceptions=True)
