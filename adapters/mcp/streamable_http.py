"""Streamable HTTP, the transport of MCP to a URL: no redirects, nothing packed, no answer larger than 4 MiB."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2

from adapters.child_process import MAX_MESSAGE
from adapters.mcp.stream_budget import MAX_UNASKED, Loss, StreamBudget
from adapters.tls import trusted

if TYPE_CHECKING:  # heavy: loaded with the first upstream server
    from mcp.client._transport import TransportStreams


@asynccontextmanager
async def over_http(url: str, headers: Mapping[str, str], talk: StreamBudget) -> "AsyncIterator[TransportStreams]":
    """The streams of a session over streamable HTTP (MCP 2025-11-25, basic/transports#streamable-http)."""
    from mcp.client.streamable_http import streamable_http_client

    from adapters.mcp.listing import sifted

    fields = {**headers, "accept-encoding": "identity"}
    transport = _Bounded(talk)
    async with (
        httpx2.AsyncClient(transport=transport, headers=fields, timeout=60.0, trust_env=False) as http,
        streamable_http_client(url, http_client=http, max_sse_event_size=MAX_MESSAGE) as raw,
        sifted(raw) as streams,
    ):
        yield streams


class _Bounded(httpx2.AsyncBaseTransport):
    """HTTP without redirects and compression; no answer, and no message of an event stream, is larger than 4 MiB."""

    def __init__(self, talk: StreamBudget) -> None:
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False, verify=trusted())
        self._talk = talk

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, and bound its answer."""
        if request.method == "POST":
            self._talk.asked()
        answer = await self._inner.handle_async_request(request)
        if answer.status_code in (401, 403):
            self._talk.end(Loss.REFUSED)
        if answer.is_redirect or answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            raise httpx2.RemoteProtocolError("a redirect, or a packed answer", request=request)
        events = answer.headers.get("content-type", "").startswith("text/event-stream")
        if isinstance(answer.stream, httpx2.AsyncByteStream):
            answer.stream = _Counted(answer.stream, self._talk, events)
        return answer

    async def aclose(self) -> None:
        """Close the pool."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, talk: StreamBudget, events: bool) -> None:
        self._stream = stream
        self._talk = talk
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if self._events:
                # every message of an event stream ends with an empty line
                if not all(self._talk.heard() for _ in range(min(chunk.count(b"\n\n"), MAX_UNASKED + 1))):
                    raise httpx2.ReadError("too many messages")
                size = 0 if b"\n\n" in chunk else size
            if size > MAX_MESSAGE:
                self._talk.end(Loss.TOO_LARGE)
                raise httpx2.ReadError("too much")
            yield chunk

    async def aclose(self) -> None:
        """Close the answer."""
        await self._stream.aclose()
