"""Sessions with upstream MCP servers: long-lived, pooled, opened anew when they end; nothing is asked back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import httpx2
import structlog
from pydantic import JsonValue

from adapters.credentials import Credentials
from adapters.mcp.stdio_process import MAX_MESSAGE, MAX_UNASKED, Loss, Talk, spawned
from adapters.tls import trusted
from contracts.action.mcp_request import definition_of
from contracts.action.target import Mcp, Target
from contracts.errors import AilyusError

if TYPE_CHECKING:  # heavy: loaded with the first upstream server
    from mcp.client._transport import TransportStreams
    from mcp.client.client import Client
    from mcp.client.session import IncomingMessage
    from mcp_types import CallToolResult, InputRequiredResult

log = structlog.get_logger()
T = TypeVar("T")
CONNECT_SECONDS: Final = 20.0
FETCH_SECONDS: Final = 180.0
"""When a server is looked at for the first time: its launcher may have to fetch the package."""
AGE_SECONDS: Final = 10.0
"""How old the definitions may be on a read from a server that does not say when they change."""
_LAST_ANSWER_SECONDS = 60.0
_MAX_PAGES = 100
_MAX_TOOLS = 5_000
_UNKNOWN_SESSION = frozenset({-32600, -32001})
"""What servers answer with a session's id that they no longer know: the SDK's own reading of a 404, and their body."""
Era = Literal["auto", "legacy"]
"""How a session begins: the server's newest way, or the handshake of MCP 2025-11-25 and before."""
Connect = Callable[[Talk], "AbstractAsyncContextManager[TransportStreams]"]


class Lost(Exception):
    """No answer came whole."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.loss = loss

    @property
    def sentence(self) -> str:
        """Why, in our words."""
        return str(self.loss)

    @property
    def refused(self) -> bool:
        """Did the server refuse the credential?"""
        return self.loss is Loss.REFUSED


class Upstream:
    """One session in a task of its own. What the server asks for is refused: sampling, elicitation, roots.

    MCP 2026-07-28 and the handshake versions alike; the SDK's client speaks whichever the server does.
    """

    def __init__(self, connect: Connect, mode: Era = "auto", *, forgets: bool = False) -> None:
        self.retired = False
        self._forgets = forgets  # over HTTP; on pipes the same codes say something else
        self._connect = connect
        self._mode = mode
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
            raise Lost(Loss.SILENT) from None

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
        self._talk.end(Loss.CLOSED)
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
                definition = definition_of(tool)
                pins[name] = definition if pins.get(name, definition) == definition else "two definitions"
            self._pins, self._pinned_at = pins, time.monotonic()
        return self._pins

    async def tools(self) -> list[dict[str, JsonValue]]:
        """Every well-formed tool as the server defines it now. Raises `Lost`.

        A tool that is malformed, a cursor that is empty or came before, and a list of more than 100 pages or 5,000
        tools are logged; the other tools count all the same.
        """
        found: list[dict[str, JsonValue]] = []
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(_MAX_PAGES):
            page = await self._bounded(self._of().list_tools(cursor=cursor))
            found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                return found
            if not cursor or cursor in seen:
                log.warning("tools_cursor_repeats", tools=len(found))
                return found
            seen.add(cursor)
            if len(found) > _MAX_TOOLS:
                break
        log.warning("tools_cut", tools=len(found), hint=f"only {_MAX_TOOLS} tools of {_MAX_PAGES} pages are read")
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
            if (
                self._forgets and error.code in _UNKNOWN_SESSION  # guard: a session that was forgotten
            ):  # after its restart, say: whoever asks next opens another session
                self.retired = True
                raise Lost(Loss.FORGOTTEN) from None
            if error.code >= 0 or error.code == CONNECTION_CLOSED:  # the SDK's own codes: the session is gone
                self.retired = True
            raise Lost(Loss.ERROR) from None
        except (RuntimeError, ValueError):  # an answer that is not what the tool's own schema says, or no answer at all
            raise Lost(Loss.UNDECLARED) from None
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
        return Lost(self._talk.reason)

    async def _run(self, ready: "asyncio.Future[Client]") -> None:
        from mcp.client.client import Client

        listening: asyncio.Task[None] | None = None
        try:
            connection = self._connect(self._talk)
            async with Client(connection, cache=None, mode=self._mode, message_handler=self._heard) as client:
                ready.set_result(client)
                listening = asyncio.create_task(self._listen(client))
                await self._talk.over.wait()
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        except Exception as error:
            self._talk.end(Loss.UNREACHABLE)
            if not ready.done():
                ready.set_exception(_cause(error) or self._lost())
                ready.exception()
        finally:
            self._talk.end(Loss.ENDED)
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
        self._opening: dict[tuple[str, str, str], asyncio.Task[Upstream]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, target: Target, person: str, reference: str) -> Upstream:
        """The session to use, opened if there is none. Raises `Lost` or `AilyusError`.

        A server that is slow to start is waited for by whoever asks, and by nobody alone: the start goes on when a
        caller's own time is over, up to the connection's `start_timeout`, and the next caller finds it done.
        """
        if target.mcp is None:
            raise AilyusError("no_server", f"the connection `{target.name}` has no MCP server")
        own = any("{person}" in text for text in (reference, *(r for _, r in target.mcp.variables)))
        key = (target.digest, person if own else "", reference if target.mcp.url else "")
        known = self.sessions.get(key)
        if known is not None and known.usable:
            return known
        if known is not None:
            self._retire(self.sessions.pop(key))
        if key not in self._opening:
            begun = asyncio.create_task(self._open(target, target.mcp, person, reference))
            self._opening[key] = begun
            begun.add_done_callback(lambda done: self._opened(key, target.name, done))
        return await asyncio.shield(self._opening[key])  # guard: a start that goes on

    def warm(self, targets: Iterable[Target]) -> None:
        """Begin to start every server that all people share, so that no call is the one that waits for it."""
        for target in targets:
            if target.mcp is None or "{person}" in str((target.read, target.mcp.variables)):
                continue
            task = asyncio.create_task(self._warmed(target))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _warmed(self, target: Target) -> None:
        with contextlib.suppress(Lost, AilyusError):  # logged where it happened, told to whoever calls
            await self.of(target, "", target.read)

    async def _open(self, target: Target, mcp: Mcp, person: str, reference: str) -> Upstream:
        connect = self._connect(target, mcp, person, reference)
        seconds = max(self._seconds, mcp.start_seconds)
        opened = Upstream(connect, forgets=bool(mcp.url))
        try:
            await opened.open(seconds)
        except Lost as lost:
            if not mcp.command or lost.loss is not Loss.ENDED:
                raise
            # a server of the handshake era may end on any first message but `initialize`
            opened = Upstream(connect, "legacy")
            await opened.open(seconds)
        return opened

    def _opened(self, key: tuple[str, str, str], name: str, done: "asyncio.Task[Upstream]") -> None:
        self._opening.pop(key, None)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self.sessions[key] = done.result()
        elif isinstance(error, (Lost, AilyusError)):
            log.warning("server_unavailable", connection=name, reason=error.sentence)

    async def close(self) -> None:
        """End every session."""
        for task in (*self._opening.values(), *self._closing):
            task.cancel()
        await asyncio.gather(*self._opening.values(), *self._closing, return_exceptions=True)
        await asyncio.gather(*(known.close() for known in self.sessions.values()))
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

    def __init__(self, talk: Talk) -> None:
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
                self._talk.end(Loss.TOO_LARGE)
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
