"""A token endpoint of a few lines, in the test's own process: it rotates refresh tokens, and loses what it is told to.

What a real authorization server says is tested with `tests/authorization_server.py`; this one is for what no server
does at will, and for tests that start no process.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import orjson


class TokenEndpoint:
    """What it says, and what it was asked.

    `faults` are taken in order, one for each question: `lose_request`, `lose_answer`, `slow`, a status, or a whole
    answer as a dictionary with its status as `code`, or as `status` where that is no member of the answer. `grace`: a rotated refresh token is still taken.
    """

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[dict[str, str]] = []
        self.headers: list[str] = []
        self.faults: list[str | int | dict[str, Any]] = []
        self.says: dict[str, Any] = {}
        self.metadata: dict[str, Any] | None = None
        self.revoked: list[str] = []
        self.grace = False
        self.access_seconds: int | None = 3600
        self.refresh = "rt-0"
        self.used: set[str] = set()
        self.is_gone = False
        self.slow_until = asyncio.Event()
        self._count = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, grant: str) -> int:
        return sum(one.get("grant_type") == grant for one in self.asked)

    async def answer(self, path: str, head: str, form: dict[str, str]) -> tuple[int, dict[str, Any]] | None:
        if path.startswith("/.well-known/"):
            return (200, self.metadata) if self.metadata is not None else (404, {})
        self.headers.append(head)
        self.asked.append(form)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "lose_request":
            return None
        if fault == "slow":
            await self.slow_until.wait()
        if isinstance(fault, int):
            return fault, {}
        if isinstance(fault, dict):
            number = "code" if "code" in fault else "status"
            return fault[number], {name: value for name, value in fault.items() if name != number}
        if path == "/revoke":
            self.revoked.append(form["token"])
            return 200, {}
        said = self._said(form)
        return None if fault == "lose_answer" else said

    def _said(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form.get("grant_type") == "refresh_token":
            given = form["refresh_token"]
            if self.is_gone or (given != self.refresh and not (self.grace and given in self.used)):
                # the reuse of a rotated token ends its whole family
                self.is_gone = self.is_gone or given in self.used
                return 400, {"error": "invalid_grant", "error_description": "it is rt-secret"}
            self.used.add(self.refresh)
        self._count += 1
        said: dict[str, Any] = {"access_token": f"at-{self._count}", "token_type": "Bearer", **self.says}
        if self.access_seconds is not None:
            said.setdefault("expires_in", self.access_seconds)
        if form.get("grant_type") in ("refresh_token", "authorization_code"):
            self.refresh = f"rt-{self._count}"
            said.setdefault("refresh_token", self.refresh)
        return 200, said


@asynccontextmanager
async def token_endpoint() -> AsyncIterator[TokenEndpoint]:
    """One endpoint, at `/token`, `/revoke` and its metadata's address."""
    made = TokenEndpoint()
    open_now: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                length = next((int(x.split(":")[1]) for x in lines if x.lower().startswith("content-length")), 0)
                body = (await reader.readexactly(length)).decode() if length else ""
                found = await made.answer(lines[0].split(" ")[1], head, dict(parse_qsl(body)))
                if found is None:
                    return
                content = orjson.dumps(found[1])
                kind = b"content-type: application/json"
                top = b"HTTP/1.1 %d X\r\n%s\r\ncontent-length: %d\r\n\r\n" % (found[0], kind, len(content))
                writer.write(top + content)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            open_now.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.slow_until.set()
        server.close()
        for writer in tuple(open_now):
            writer.close()
        while open_now:  # each connection's task ends by itself
            await asyncio.sleep(0)
