"""One address for agents and people: who asks is known, and may ask now, before a byte of the body is read.

Agents are answered in JSON; in a stream if they ask for progress, since a JSON answer costs half and has no place for
notifications; and in their session if they opened one (MCP 2025-11-25).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import cast

import orjson
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.action.request import Caller
from server.identity.agents import Agents
from server.identity.resource_metadata import ResourceMetadata
from server.mcp.admission import MAX_BODY, Admission, Rejection
from server.mcp.bearer import bearer_challenge
from server.mcp.jsonrpc import declared_elicitation, repeated_key_error, session_not_found
from server.mcp.request_body import read_body, replayed
from server.mcp.session_ids import HEADER, Foreign, McpSession, SessionIds
from server.mcp.session_response import SessionResponse
from server.mcp.transport import Apps
from server.observability import logs, metrics
from server.workspace.hosts import is_among, plain_host
from server.workspace.public_address import MCP_PATH

OPENS_LINKS = "ailyus.opens_links"
"""The key in the ASGI scope: the client of this session declared elicitation by URL."""
SLASH = "ailyus.slash"
"""The key in the ASGI scope: the client wrote a slash behind the path, and metadata names the resource so too."""
UNAUTHENTICATED = ""
"""Whose share it is when nobody knows yet whose it is."""
MAX_ENDED = 10_000
"""Ids of sessions that their clients ended, kept so that they stay ended."""
_PROGRESS_TOKEN = b'"progressToken"'


class HttpEndpoint:
    """Sends each request to the application that answers it the way it asks for.

    `metadata` is what RFC 9728 says of this resource, None where no authorization server issues tokens for it. A
    replica has no live sessions (`apps.sessions` is None): the id of one says what must be known.
    """

    def __init__(
        self,
        apps: Apps,
        console: ASGIApp,
        agents: Agents,
        admission: Admission,
        ids: SessionIds,
        metadata: ResourceMetadata | None,
    ) -> None:
        self._apps = apps
        self._console = console
        self._agents = agents
        self._admission = admission
        self._ids = ids
        self._metadata = metadata
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End the streams that only listen: a gateway that stops waits for none of them."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        logs.bind_request()
        path = scope["path"].rstrip("/")
        if path == MCP_PATH:  # with a slash behind it too: a redirect would name the scheme behind the proxy
            scope = {**scope, "path": MCP_PATH, "raw_path": MCP_PATH.encode(), SLASH: scope["path"].endswith("/")}
            await self._agent(scope, receive, send)
        elif self._metadata is not None and (document := self._metadata.at(scope["path"])) is not None:
            answer = Response(
                orjson.dumps(document), media_type="application/json", headers={"access-control-allow-origin": "*"}
            )
            await answer(scope, receive, send)
        else:
            await self._console(scope, receive, send)

    async def _agent(self, scope: Scope, receive: Receive, send: Send) -> None:
        # white space around a value is no part of it (RFC 9110, section 5.5)
        given = [(n, v.strip(b" \t")) for n, v in cast(list[tuple[bytes, bytes]], scope["headers"])]
        scope["headers"] = [
            # guard: a host however written
            (n, plain_host(v.decode("latin-1")).encode("latin-1") if n == b"host" else v)
            for n, v in given
        ]
        headers = dict(scope["headers"])
        if not is_among(headers.get(b"host", b"").decode("latin-1"), self._apps.names):  # guard: a host before a token
            # INVARIANT: a name that somebody else points at this machine (DNS rebinding) is told nothing of tokens
            await Response("this gateway is not known by that name\n", 421, media_type="text/plain")(
                scope, receive, send
            )
            return
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        token = token if scheme.lower() == "bearer" else ""  # a scheme has no case (RFC 9110, section 11.1)
        try:
            if not self._agents.remembers(token):  # whoever is not known yet has one share with all the others
                async with self._admission.admitted(UNAUTHENTICATED):
                    if await self._agents.caller(token) is None:
                        sentence = "the token is unknown, expired, revoked or not meant for this server"
                        metrics.record_refusal(401)
                        await self._challenge(scope, 401, sentence if token else "")(scope, receive, send)
                        return
            caller = await self._agents.caller(token)
            if caller is None:
                metrics.record_refusal(401)
                await self._challenge(scope, 401, "the token has just ended")(scope, receive, send)
                return
            await self._admitted(scope, headers, token, caller, receive, send)
        except Rejection as refused:
            metrics.record_refusal(refused.status)
            response = Response(
                refused.sentence, refused.status, {"retry-after": str(refused.after)}, media_type="text/plain"
            )
            await response(scope, receive, send)

    async def _admitted(
        self, scope: Scope, headers: Mapping[bytes, bytes], token: str, caller: Caller, receive: Receive, send: Send
    ) -> None:
        access = AccessToken(token=token, client_id=caller.agent, scopes=[], subject=caller.person)
        access.claims = {"iss": caller.tenant}
        # where the SDK's own bearer middleware would put it: handlers and transport read the scope alone
        scope["user"] = AuthenticatedUser(access)
        principal = f"{caller.tenant}\n{caller.agent}\n{caller.person}"
        async with self._admission.admitted(principal):
            with ExitStack() as held:
                if int(headers.get(b"content-length", b"0")) > MAX_BODY:
                    raise Rejection(413, f"more than {MAX_BODY} bytes")
                messages = (
                    await read_body(self._admission, principal, receive, held) if scope["method"] == "POST" else []
                )
                body = b"".join(m.get("body", b"") for m in messages)
                self._admission.weigh(principal, body)
                if refusal := await repeated_key_error(body):  # guard: keys that a call names twice
                    await refusal(scope, receive, send)
                    return
                await self._answered(scope, headers, caller, messages, receive, send)

    async def _answered(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        caller: Caller,
        messages: list[Message],
        receive: Receive,
        send: Send,
    ) -> None:
        body = b"".join(m.get("body", b"") for m in messages)
        post = scope["method"] == "POST"
        stateless = self._apps.streaming if _PROGRESS_TOKEN in body else self._apps.plain
        session = None
        if HEADER in headers:
            text = headers[HEADER].decode("latin-1")
            try:
                session = self._ids.read(text, caller)
            except Foreign:
                metrics.record_refusal(403)
                await self._challenge(scope, 403, "the session is another's")(scope, receive, send)
                return
            if session is None or session.inner in self._ended:
                await session_not_found(scope, receive, send)
                return
            scope[OPENS_LINKS] = session.opens_links
            if scope["method"] == "DELETE":  # the id itself stays valid for ever, so that its end must be remembered
                self._end(session)
        fresh = session is None
        if session is None:
            begun = declared_elicitation(body) if post and b"mcp-protocol-version" not in headers else None
            if begun is None:
                await stateless(scope, replayed(messages, receive), send)
                return
            session = McpSession("", "url" in begun)
        given, again = SessionResponse(self._ids, session, caller, send, fresh=fresh), replayed(messages, receive)
        if self._apps.sessions is not None:
            inner = scope if fresh else {**scope, "headers": _renamed(scope, session.inner)}
            listens = scope["method"] == "GET"
            await self._apps.sessions(inner, self._disconnect_on_shutdown(receive) if listens else again, given.send)
            if not given.is_gone:
                return
        # the session is not live here: after a restart, or at another replica, its id says enough
        if post:
            plain = {**scope, "headers": [h for h in scope["headers"] if h[0] != HEADER]}
            await stateless(plain, replayed(messages, receive), given.send_anyhow)
        else:
            await Response("", 405, {"allow": "POST"})(scope, receive, send)

    def _challenge(self, scope: Scope, status: int, sentence: str) -> Response:
        location = self._metadata.location(slash=scope[SLASH]) if self._metadata is not None else None
        return bearer_challenge(location, status, sentence)

    def _disconnect_on_shutdown(self, receive: Receive) -> Receive:
        """The client of a stream that only listens is taken to be gone when the gateway stops."""

        async def received() -> Message:
            coming, closing = asyncio.ensure_future(receive()), asyncio.ensure_future(self._closing.wait())
            try:
                await asyncio.wait((coming, closing), return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": "http.disconnect"}
            finally:
                coming.cancel()
                closing.cancel()

        return received

    def _end(self, session: McpSession) -> None:
        self._ended[session.inner] = None
        while len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)

    async def _live(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            for app in self._apps.all:
                await stack.enter_async_context(app.router.lifespan_context(app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _renamed(scope: Scope, inner: str) -> list[tuple[bytes, bytes]]:
    return [(n, inner.encode() if n == HEADER else v) for n, v in scope["headers"]]
