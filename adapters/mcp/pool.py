"""The pool of MCP sessions: one for each connection, credential and, where credentials are their own, person."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

import structlog

from adapters.credentials import Credentials
from adapters.mcp.sessions import CONNECT_SECONDS, Connect, UpstreamSession
from adapters.mcp.stdio_process import spawned
from adapters.mcp.stream_budget import Loss, Lost
from adapters.mcp.streamable_http import over_http
from contracts.action.target import Mcp, Target
from contracts.errors import AilyusError

log = structlog.get_logger()


class Servers:
    """The pool: a session for each connection, credential and, where credentials are people's own, person."""

    def __init__(self, root: Path, seconds: float = CONNECT_SECONDS) -> None:
        self._root = root
        self._seconds = seconds
        self.sessions: dict[tuple[str, str, str], UpstreamSession] = {}
        self._opening: dict[tuple[str, str, str], asyncio.Task[UpstreamSession]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, target: Target, person: str, reference: str) -> UpstreamSession:
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

    async def _open(self, target: Target, mcp: Mcp, person: str, reference: str) -> UpstreamSession:
        connect = self._connect(target, mcp, person, reference)
        seconds = max(self._seconds, mcp.start_seconds)
        opened = UpstreamSession(connect, forgets=bool(mcp.url))
        try:
            await opened.open(seconds)
        except Lost as lost:
            if not mcp.command or lost.loss is not Loss.ENDED:
                raise
            # a server of the handshake era may end on any first message but `initialize`
            opened = UpstreamSession(connect, "legacy")
            await opened.open(seconds)
        return opened

    def _opened(self, key: tuple[str, str, str], name: str, done: "asyncio.Task[UpstreamSession]") -> None:
        self._opening.pop(key, None)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self.sessions[key] = done.result()
        elif isinstance(error, (Lost, AilyusError)):
            # a sentence about a credential may hold a reference with a person's name
            reason = error.sentence if isinstance(error, Lost) else error.code
            log.warning("server_unavailable", connection=name, reason=reason)

    async def close(self) -> None:
        """End every session."""
        for task in (*self._opening.values(), *self._closing):
            task.cancel()
        await asyncio.gather(*self._opening.values(), *self._closing, return_exceptions=True)
        await asyncio.gather(*(known.close() for known in self.sessions.values()))
        self.sessions.clear()

    def _retire(self, upstream: UpstreamSession) -> None:
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
