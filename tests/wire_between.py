"""A proxy between the gateway and a real target: it loses replies, gives old reads, refuses, and cuts answers short."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Edit = Callable[[str, Any], Any]
"""What becomes of the JSON of a read: by its path and its value."""


@dataclass
class Between:
    """What the proxy does now, and what passed it."""

    port: int = 0
    lose: int = 0
    """How many of the next writes lose their reply."""
    stale: bool = False
    """Reads are answered as they were answered last before this was set."""
    refuse: tuple[int, str] | None = None
    """Every write is answered so, and never reaches the target."""
    refuse_only: str = ""
    """A write that does not hold this passes."""
    down: bool = False
    """Every read is answered 503."""
    edit: Edit | None = None
    writes: list[str] = field(default_factory=list)
    """The first line and the body of each write that reached the target."""
    _old: dict[bytes, bytes] = field(default_factory=dict)

    async def answer(self, target: int, head: bytes, body: bytes) -> bytes | None:
        """The whole answer to one request, or None where it is lost."""
        line = head.split(b"\r\n")[0].decode()
        is_read = line.startswith("GET") or any(word in body for word in (b"Action=List", b"Action=Get"))
        is_read = is_read or b"secretsmanager.Describe" in head
        if is_read:
            return await self._read(target, line, head, body)
        if self.refuse is not None and self.refuse_only in f"{line} {body.decode()}":
            status, words = self.refuse
            return _whole(f"HTTP/1.1 {status} No", words.encode())
        self.writes.append(f"{line} {body.decode()}")
        answer = await _forward(target, head, body)
        if self.lose:
            self.lose -= 1
            return None
        return answer

    async def _read(self, target: int, line: str, head: bytes, body: bytes) -> bytes:
        if self.down:
            return _whole("HTTP/1.1 503 Down", b"{}")
        key = line.encode() + body
        if self.stale and key in self._old:
            return self._old[key]
        answer = await _forward(target, head, body)
        if self.edit is not None:
            start, _, content = answer.partition(b"\r\n\r\n")
            if start.split(b" ")[1] == b"200":
                edited = self.edit(line.split(" ")[1], json.loads(content))
                answer = _whole("HTTP/1.1 200 OK", json.dumps(edited).encode())
        self._old[key] = answer
        return answer


def _whole(line: str, body: bytes) -> bytes:
    head = f"{line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def _forward(target: int, head: bytes, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", target)
    try:
        writer.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = [line.split(b":", 1) for line in answer.split(b"\r\n") if b":" in line]
        length = next((int(value) for name, value in lines if name.lower() == b"content-length"), None)
        if answer.split(b" ")[1] in (b"204", b"304"):
            return answer
        return answer + (await reader.read() if length is None else await reader.readexactly(length))
    finally:
        writer.close()


@asynccontextmanager
async def between(target: int) -> AsyncIterator[Between]:
    """A proxy in front of a port of this machine."""
    proxy = Between()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = [line.split(b":", 1) for line in head.split(b"\r\n") if b":" in line]
            length = next((int(value) for name, value in lines if name.lower() == b"content-length"), 0)
            body = await reader.readexactly(length) if length else b""
            answer = await proxy.answer(target, head, body)
            if answer is not None:
                lead, mark, rest = answer.partition(b"\r\n\r\n")
                kept = [x for x in lead.split(b"\r\n") if not x.lower().startswith(b"connection:")]
                writer.write(b"\r\n".join([*kept, b"Connection: close"]) + mark + rest)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
