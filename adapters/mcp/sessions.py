"""A session with an upstream MCP server: long-lived, and nothing is asked back."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from pydantic import JsonValue

from adapters.mcp.stream_budget import Loss, Lost, StreamBudget, refusal_in
from adapters.mcp.tool_list import every_tool, pins_of

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
_UNKNOWN_SESSION = frozenset({-32600, -32001})
"""What servers answer with a session's id that they no longer know: the SDK's own reading of a 404, and their body."""
Era = Literal["auto", "legacy"]
"""How a session begins: the server's newest way, or the handshake of MCP 2025-11-25 and before."""
Connect = Callable[[StreamBudget], "AbstractAsyncContextManager[TransportStreams]"]


class UpstreamSession:
    """One session in a task of its own. What the server asks for is refused: sampling, elicitation, roots.

    MCP 2026-07-28 and the handshake versions alike; the SDK's client speaks whichever the server does.
    """

    def __init__(self, connect: Connect, mode: Era = "auto", *, forgets: bool = False) -> None:
        self.retired = False
        self._forgets = forgets  # over HTTP; on pipes the same codes say something else
        self._connect = connect
        self._mode = mode
        self._talk = StreamBudget()
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
            if self._client is not None:  # one that never began has nothing to end in order
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
            self._pins, self._pinned_at = pins_of(await self.tools()), time.monotonic()
        return self._pins

    async def tools(self) -> list[dict[str, JsonValue]]:
        """Every well-formed tool as the server defines it now. Raises `Lost`.

        A tool that is malformed, a cursor that is empty or came before, and a list of more than 100 pages or 5,000
        tools are logged; the other tools count all the same.
        """
        return await every_tool(lambda cursor: self._bounded(self._of().list_tools(cursor=cursor)))

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
                ready.set_exception(refusal_in(error) or self._lost())
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


# -- streamable HTTP ---------------------------------------------------------------------------------------------------
