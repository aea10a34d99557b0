"""Sessions with upstream MCP servers: long-lived, pooled, opened anew when they end; nothing is asked back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import httpx2
from pydantic import JsonValue

from adapters.secrets import Credentials
from adapters.spawned import MAX_MESSAGE, MAX_UNASKED, Talk, spawned
from adapters.tls import trusted
from contracts.errors import AilyusError
from contracts.mcp_request import definition_of
from contracts.target import Mcp, Target

if TYPE_CHECKING:  # heavy: loaded with the first upstream server
    from mcp.client._transport import TransportStreams
    from mcp.client.client import Client
    from mcp.client.session import IncomingMessage
    from mcp_types import CallToolResult, InputRequiredResult

T = TypeVar("T")
CONNECT_SECONDS: Final = 20.0
FETCH_SECONDS: Final = 180.0
"""When a server is looked at for the first time: its launcher may have to fetch the package."""
AGE_SECONDS: Final = 10.0
"""How old the definitions may be on a read from a server that does not say when they change."""
_LAST_ANSWER_SECONDS = 60.0
_MAX_PAGES = 20
_MAX_TOOLS = 1_000
_REFUSED = "the server refused the credential"
Connect = Callable[[Talk], "AbstractAsyncContextManager[TransportStreams]"]


class Lost(Exception):
    """The session ended. `sentence` is ours: it holds no word of the server."""

    def __init__(self, sentence: str, *, refused: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.refused = refused


class Upstream:
    """One session in a task of its own. What the server asks for is refused: sampling, elicitation, roots.

    MCP 2026-07-28 and the handshake versions alike; the SDK's client speaks whichever the server does.
    """

    def __init__(self, connect: Connect) -> None:
        self.retired = False
        self._connect = connect
        self._talk = Talk()
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._pins: dict[str, str] = {}
        self._pinned_at = 0.0
        self._stale = True
        self._listens = False
        self._listing = asyncio.Lock()
        self._users = 0
        self._idle = asyncio.Event()

    @property
    def usable(self) -> bool:
        """May a new call go here?"""
        return not self.retired and not self._talk.over.is_set() and self._task is not None and not self._task.done()

    async def open(self, seconds: float = CONNECT_SECONDS) -> None:
        """Connect in so many seconds. Raises `Lost` or `AilyusError`."""
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(ready))
        try:
            async with asyncio.timeout(seconds):
                self._client = await ready
        except TimeoutError:
            await self.close()
            raise Lost("the server does not answer") from None

    async def retire(self) -> None:
        """Give nobody this session any more, and end it when nobody waits for an answer."""
        self.retired = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWER_SECONDS):
                await self._idle.wait()
        await self.close()

    async def close(self) -> None:
        """End the session, and the process where there is one."""
        self.retired = True
        self._talk.end("the session was closed")
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await asyncio.wait([self._task])
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def definitions(self, *, now: bool) -> Mapping[str, str]:
        """The pin of every tool (`definition_of`): asked `now`, or as known. Raises `Lost`."""
        aged = not self._listens and time.monotonic() - self._pinned_at > AGE_SECONDS
        if not (now or self._stale or aged):
            return self._pins
        begun = time.monotonic()
        async with self._listing:
            if not (now or self._stale) and self._pinned_at >= begun:
                return self._pins  # whoever was first here has asked for all that waited
            self._stale = False
            pins: dict[str, str] = {}
            for tool in await self.tools():
                name = str(tool["name"])
                pins[name] = definition_of(tool) if name not in pins else "twice"
            self._pins, self._pinned_at = pins, time.monotonic()
        return self._pins

    async def tools(self) -> list[dict[str, JsonValue]]:
        """Every tool as the server defines it now, of at most so many pages. Raises `Lost`."""
        found: list[dict[str, JsonValue]] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._bounded(self._of().list_tools(cursor=cursor))
            found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None or len(found) > _MAX_TOOLS:
                break
        return found

    async def call(self, tool: str, arguments: Mapping[str, object]) -> "CallToolResult | InputRequiredResult":
        """Call one tool. Raises `Lost` when the answer did not come whole; the server may then have acted."""
        session = self._of().session
        return await self._bounded(session.call_tool(tool, dict(arguments), allow_input_required=True))

    async def _bounded(self, asking: Awaitable[T]) -> T:
        """An answer, or `Lost` as soon as the session is over. A caller that gives up retires the session."""
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED

        self._users += 1
        self._idle.clear()
        task = asyncio.ensure_future(asking)
        over = asyncio.ensure_future(self._talk.over.wait())
        try:
            await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise self._lost()
            return task.result()
        except MCPError as error:
            if self._talk.over.is_set():
                raise self._lost() from None
            if error.code >= 0 or error.code == CONNECTION_CLOSED:  # the SDK's own codes: the session is gone
                self.retired = True
            raise Lost("the server answered with an error") from None
        except (RuntimeError, ValueError):  # an answer that is not what the tool's own schema says, or no answer at all
            raise Lost("the server's answer is not what its tool declares") from None
        except asyncio.CancelledError:
            self.retired = True  # whoever waits has given up: nobody else shall wait for a server that hangs
            raise
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()
            for one in (task, over):
                one.cancel()
            await asyncio.gather(task, over, return_exceptions=True)

    def _of(self) -> "Client":
        if self._client is None or not self.usable:
            raise self._lost()
        return self._client

    def _lost(self) -> Lost:
        return Lost(self._talk.reason, refused=self._talk.reason == _REFUSED)

    async def _run(self, ready: "asyncio.Future[Client]") -> None:
        from mcp.client.client import Client

        listening: asyncio.Task[None] | None = None
        try:
            async with Client(self._connect(self._talk), cache=None, message_handler=self._heard) as client:
                ready.set_result(client)
                listening = asyncio.create_task(self._listen(client))
                await self._talk.over.wait()
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        except Exception as error:
            self._talk.end("the server cannot be reached")
            if not ready.done():
                ready.set_exception(_cause(error) or self._lost())
                ready.exception()
        finally:
            self._talk.end("the server ended")
            if listening is not None:
                listening.cancel()

    async def _listen(self, client: "Client") -> None:
        """Hear of changed tools in the way of 2026-07-28, where the server offers it."""
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
        from mcp.shared.exceptions import MCPError

        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        try:
            async with client.listen(tools_list_changed=True) as changes:
                self._listens = True
                async for _ in changes:
                    self._stale = True
        except ListenNotSupportedError:
            self._listens = True  # the handshake versions notify by themselves
            return
        except (MCPError, SubscriptionLost, TimeoutError):
            pass
        self._listens = False
        self._stale = True

    async def _heard(self, message: "IncomingMessage") -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._stale = True


class Servers:
    """The pool: a session for each connection, credential and, where credentials are people's own, person."""

    def __init__(self, root: Path, seconds: float = CONNECT_SECONDS) -> None:
        self._root = root
        self._seconds = seconds
        self.sessions: dict[tuple[str, str, str], Upstream] = {}
        self._opening: dict[tuple[str, str, str], asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, target: Target, person: str, reference: str) -> Upstream:
        """The session to use, opened if there is none. Raises `Lost` or `AilyusError`."""
        if target.mcp is None:
            raise AilyusError("no_server", f"the connection `{target.name}` has no MCP server")
        own = any("{person}" in text for text in (reference, *(r for _, r in target.mcp.variables)))
        key = (target.digest, person if own else "", reference if target.mcp.url else "")
        async with self._opening.setdefault(key, asyncio.Lock()):
            known = self.sessions.get(key)
            if known is not None and known.usable:
                return known
            if known is not None:
                self._retire(known)
            opened = Upstream(self._connect(target, target.mcp, person, reference))
            await opened.open(self._seconds)
            self.sessions[key] = opened
            return opened

    async def close(self) -> None:
        """End every session."""
        await asyncio.gather(*(known.close() for known in self.sessions.values()), *self._closing)
        self.sessions.clear()

    def _retire(self, upstream: Upstream) -> None:
        task = asyncio.create_task(upstream.retire())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _connect(self, target: Target, mcp: Mcp, person: str, reference: str) -> Connect:
        credentials = Credentials(self._root)  # read anew with each session, so that a changed file counts

        def value(of: str) -> str | None:
            return credentials.value(of.replace("{person}", person))

        if mcp.url:
            secret = value(reference)
            headers = {} if secret is None else {target.header: f"{target.scheme} {secret}".strip()}
            return lambda talk: over_http(mcp.url, headers, talk)
        environment = {
            name: of.removeprefix("text:") if of.startswith("text:") else value(of) or "" for name, of in mcp.variables
        }
        folder = self._root / mcp.directory if mcp.directory else self._root / ".ailyus" / "servers" / target.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return lambda talk: spawned(mcp.command, environment, folder, talk)


# -- streamable HTTP ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def over_http(url: str, headers: Mapping[str, str], talk: Talk) -> "AsyncIterator[TransportStreams]":
    """The streams of a session over streamable HTTP (MCP 2025-11-25, basic/transports#streamable-http)."""
    from mcp.client.streamable_http import streamable_http_client

    fields = {**headers, "accept-encoding": "identity"}
    transport = _Bounded(talk)
    async with (
        httpx2.AsyncClient(transport=transport, headers=fields, timeout=60.0, trust_env=False) as http,
        streamable_http_client(url, http_client=http, max_sse_event_size=MAX_MESSAGE) as streams,
    ):
        yield streams


class _Bounded(httpx2.AsyncBaseTransport):
    """HTTP without redirects and compression; no answer, and no message of an event stream, is larger than 4 MiB."""

    def __init__(self, talk: Talk) -> None:
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False, verify=trusted())
        self._talk = talk

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, and bound its answer."""
        if request.method == "POST":
            self._talk.asked()
        answer = await self._inner.handle_async_request(request)
        if answer.status_code in (401, 403):
            self._talk.end(_REFUSED)
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
    def __init__(self, stream: httpx2.AsyncByteStream, talk: Talk, events: bool) -> None:
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
                self._talk.end("the server sent more than 4 MiB at once")
                raise httpx2.ReadError("too much")
            yield chunk

    async def aclose(self) -> None:
        """Close the answer."""
        await self._stream.aclose()


def _cause(error: BaseException) -> AilyusError | None:
    """The refusal of ours inside of whatever a task group makes of it."""
    if isinstance(error, AilyusError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _cause(one))), None)
    return None
