"""What stands between a gateway and a target over HTTP when a contract is tried: one fault at a time."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import httpx2
from starlette.types import Receive, Scope, Send

from adapters.tls import trusted
from contracts.compiler.route_program import HttpProgram
from server.listener.http_server import listen, serving

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": "nothing is wrong",
        "lost reply": "it is done, and the connection is cut before the answer",
        "late effect": "the connection is cut, and it is done a moment later",
        "lie": "the answer says yes, and nothing is done",
        "stale read": "it is done, and reads show the former state for a while",
        "429": "too many requests, once",
        "5xx": "an error before anything is done, once",
        "5xx after": "an error after it is done",
        "partial": "it is done, and half of the answer comes",
        "retrying proxy": "a proxy sends a PUT or DELETE twice, and gives up on a POST that is done",
    }
)
RETRY_AFTER_SECONDS: Final = 1
"""What the answer 429 asks for."""
_LATE_SECONDS: Final = 0.6
_STALE_SECONDS: Final = 0.5
_HOP: Final = ("connection", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding")


@dataclass
class Proxy:
    """The proxy: it lets everything through, but what one fault does to the write."""

    origin: str
    write: re.Pattern[str]
    method: str
    fault: str = "none"
    note: str = ""
    sends: int = 0
    effects: int = 0
    stale_until: float = 0.0
    seen: dict[str, httpx2.Response] = field(default_factory=dict)
    later: set[asyncio.Task[None]] = field(default_factory=set)
    http: httpx2.AsyncClient = field(
        default_factory=lambda: httpx2.AsyncClient(trust_env=False, timeout=10, verify=trusted())
    )

    def begin(self, fault: str) -> None:
        """The next fault."""
        self.fault, self.sends, self.effects, self.stale_until = fault, 0, 0, 0.0
        self.seen.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = [(k, v) for k, v in scope["headers"] if k.decode("latin-1") not in _HOP]
        query = scope["query_string"].decode()
        path = scope.get("raw_path", b"").decode() or scope["path"]
        url = f"{self.origin}{path}" + (f"?{query}" if query else "")

        async def forward() -> httpx2.Response:
            return await self.http.request(scope["method"], url, headers=headers, content=body)

        if scope["method"] == self.method and self.write.fullmatch(path):
            await self._write(forward, send)
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self.stale_until and url in self.seen:
            await _answer(send, self.seen[url])
            return
        answer = await forward()
        if not self.sends:
            self.seen[url] = answer
        await _answer(send, answer)

    async def _write(self, forward: Callable[[], Awaitable[httpx2.Response]], send: Send) -> None:
        self.sends += 1
        first = self.sends == 1
        if self.fault == "lie":
            return await _answer(send, httpx2.Response(200, json={}))
        if first and self.fault == "429":
            return await _answer(
                send,
                httpx2.Response(429, headers={"retry-after": str(RETRY_AFTER_SECONDS)}, json={"error": "slow down"}),
            )
        if first and self.fault == "5xx":
            return await _answer(send, httpx2.Response(503, json={"error": "not now"}))
        if first and self.fault == "late effect":
            task = asyncio.create_task(self._late(forward))
            self.later.add(task)
            return await _cut(send, 200, b"", 1)
        answer = await forward()
        self.effects += answer.is_success
        if self.fault == "retrying proxy":
            # RFC 9110 section 9.2.2: no proxy may repeat a POST or a PATCH, so it can only give up
            repeats = self.method in ("PUT", "DELETE")
            answer = await forward() if repeats else httpx2.Response(503, json={"error": "not now"})
        if self.fault == "stale read" and first:
            self.stale_until = asyncio.get_running_loop().time() + _STALE_SECONDS
        if first and self.fault == "lost reply":
            return await _cut(send, 200, b"", 1)
        if first and self.fault == "5xx after":
            return await _answer(send, httpx2.Response(502, json={"error": "bad gateway"}))
        if first and self.fault == "partial":
            return await _cut(
                send, answer.status_code, answer.content[: len(answer.content) // 2], len(answer.content) + 1
            )
        return await _answer(send, answer)

    async def _late(self, forward: Callable[[], Awaitable[httpx2.Response]]) -> None:
        await asyncio.sleep(_LATE_SECONDS)
        self.effects += (await forward()).is_success


async def _answer(send: Send, answer: httpx2.Response) -> None:
    headers = [(k, v) for k, v in answer.headers.raw if k.lower().decode("latin-1") not in _HOP]
    headers.append((b"content-length", str(len(answer.content)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})


async def _cut(send: Send, status: int, body: bytes, promised: int) -> None:
    """Less than was promised: the server then cuts the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(promised).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


@asynccontextmanager
async def proxied(route: HttpProgram, base_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before a base URL, and the base URL that leads through it."""
    parts = urlsplit(base_url)
    proxy = Proxy(f"{parts.scheme}://{parts.netloc}", _pattern(route, parts.path), route.method)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    try:
        async with serving(proxy, [listener], "off", grace=0.0):
            yield proxy, f"http://127.0.0.1:{port}{parts.path}"
    finally:
        await proxy.http.aclose()


def _pattern(route: HttpProgram, base: str) -> re.Pattern[str]:
    """Paths that the route's template can give."""
    own = "".join(re.escape(part) if isinstance(part, str) else "[^/]+" for part in route.path.parts)
    return re.compile(re.escape(base.rstrip("/")) + own)
