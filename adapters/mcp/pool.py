"""The pool of MCP sessions: one for each connection, credential and, where credentials are their own, person."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from adapters.credentials.cache import PERSON, Credentials
from adapters.mcp.sessions import CONNECT_SECONDS, Connect, UpstreamSession
from adapters.mcp.stdio_process import spawned
from adapters.mcp.stream_budget import Loss, Lost
from adapters.mcp.streamable_http import over_http
from contracts.action.target import Mcp, Target
from contracts.errors import AilyusError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Whose session it is: a target's, a person's where secrets are their own, and that of the secrets as they are."""

    target: str
    person: str
    reference: str
    secrets: str  # a digest

    @property
    def subject(self) -> tuple[str, str, str]:
        """The same for secrets that are others by now."""
        return self.target, self.person, self.reference


class Servers:
    """The pool: a session for each connection, credential and, where credentials are people's own, person.

    A secret that is another by now is followed by another session: headers and environment are given to one once.
    """

    def __init__(self, credentials: Credentials, seconds: float = CONNECT_SECONDS) -> None:
        self.credentials = credentials
        self._seconds = seconds
        self.sessions: dict[SessionKey, UpstreamSession] = {}
        self._newest: dict[tuple[str, str, str], SessionKey] = {}
        self._opening: dict[SessionKey, asyncio.Task[UpstreamSession]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, target: Target, person: str, reference: str) -> UpstreamSession:
        """The session to use, opened if there is none. Raises `Lost` or `AilyusError`.

        A server that is slow to start is waited for by whoever asks, and by nobody alone: the start goes on when a
        caller's own time is over, up to the connection's `start_timeout`, and the next caller finds it done.
        """
        if target.mcp is None:
            raise AilyusError("no_server", f"the connection `{target.name}` has no MCP server")
        try:
            given = await self._given(target, target.mcp, person, reference)
        except AilyusError as error:
            # the sentence may hold a reference with a person's name
            log.warning("server_unavailable", connection=target.name, reason=error.code)
            raise
        own = any(PERSON in text for text in (reference, *(r for _, r in target.mcp.variables)))
        sealed = hashlib.sha256("\0".join(f"{name}={value}" for name, value in given.items()).encode()).hexdigest()
        key = SessionKey(target.digest, person if own else "", reference if target.mcp.url else "", sealed)
        self._newest[key.subject] = key
        if len(self.sessions) > len(self._newest):
            self._retire_former()
        known = self.sessions.get(key)
        if known is not None and known.usable:
            return known
        if known is not None:
            self._retire(self.sessions.pop(key))
        if key not in self._opening:
            begun = asyncio.create_task(self._open(target, target.mcp, given))
            self._opening[key] = begun
            begun.add_done_callback(lambda done: self._opened(key, target.name, done))
        return await asyncio.shield(self._opening[key])  # guard: a start that goes on

    def warm(self, targets: Iterable[Target]) -> None:
        """Begin to start every server that all people share, so that no call is the one that waits for it."""
        for target in targets:
            if target.mcp is None or PERSON in str((target.read, target.mcp.variables)):
                continue
            task = asyncio.create_task(self._warmed(target))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _warmed(self, target: Target) -> None:
        with contextlib.suppress(Lost, AilyusError):  # logged where it happened, told to whoever calls
            await self.of(target, "", target.read)

    async def _open(self, target: Target, mcp: Mcp, given: Mapping[str, str]) -> UpstreamSession:
        connect = self._connect(target, mcp, given)
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

    def _opened(self, key: SessionKey, name: str, done: "asyncio.Task[UpstreamSession]") -> None:
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

    def _retire_former(self) -> None:
        for key in [one for one in self.sessions if self._newest.get(one.subject) != one]:
            self._retire(self.sessions.pop(key))

    def _retire(self, upstream: UpstreamSession) -> None:
        task = asyncio.create_task(upstream.retire())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _given(self, target: Target, mcp: Mcp, person: str, reference: str) -> dict[str, str]:
        """What a session gets once: the header with its secret, or the whole environment of its process."""
        if mcp.url:
            secret = await self.credentials.value(reference, person)
            return {} if secret is None else {target.header: f"{target.scheme} {secret}".strip()}
        environment = {}
        for name, of in mcp.variables:
            is_text = of.startswith("text:")
            value = of.removeprefix("text:") if is_text else await self.credentials.value(of, person)
            environment[name] = value or ""
        return environment

    def _connect(self, target: Target, mcp: Mcp, given: Mapping[str, str]) -> Connect:
        if mcp.url:
            return lambda talk: over_http(mcp.url, given, talk)
        root = self.credentials.root
        folder = root / mcp.directory if mcp.directory else root / ".ailyus" / "servers" / target.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return lambda talk: spawned(mcp.command, given, folder, talk)
