"""One address for agents and people: who asks is known, and may ask now, before a byte of the body is read.

Agents are answered in JSON; in a stream if they ask for progress, since a JSON answer costs half and has no place for
notifications; and in their session if they opened one (MCP 2025-11-25).
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import cast

import orjson
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.action.request import Caller
from contracts.text.repeated import repeated_key
from policies.approval_document import visible
from server.identity.agents import Agents
from server.mcp.admission import MAX_BODY, Admission, Rejection
from server.mcp.session_ids import HEADER, Foreign, McpSession, SessionIds
from server.workspace.hosts import plain_host

MCP_PATH = "/mcp"
"""Where agents call; every other path is the console's."""
METADATA_PATH = "/.well-known/oauth-protected-resource"
"""RFC 9728, section 3; also with the resource's path behind it (section 3.1)."""
OPENS_LINKS = "ailyus.opens_links"
"""The key in the ASGI scope: the client of this session declared elicitation by URL."""
NOBODY = ""
"""Whose share it is when nobody knows yet whose it is."""
ASIDE_BYTES = 64 * 1024
"""A body that is larger is looked at in a thread."""
MAX_ENDED = 10_000
"""Ids of sessions that their clients ended, kept so that they stay ended."""
_MARK = b'"progressToken"'


class Apps:
    """The SDK's application in its three ways to answer."""

    def __init__(self, plain: Starlette, streaming: Starlette, sessions: Starlette | None) -> None:
        self.all = [app for app in (plain, streaming, sessions) if app is not None]
        self.plain = AuthContextMiddleware(plain)
        self.streaming = AuthContextMiddleware(streaming)
        self.sessions = AuthContextMiddleware(sessions) if sessions is not None else None


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
        metadata: Mapping[str, JsonValue] | None,
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
        path = scope["path"].rstrip("/")
        if path == MCP_PATH:  # with a slash behind it too: a redirect would name the scheme behind the proxy
            await self._agent({**scope, "path": MCP_PATH, "raw_path": MCP_PATH.encode()}, receive, send)
        elif path in (METADATA_PATH, METADATA_PATH + MCP_PATH) and self._metadata is not None:
            body = orjson.dumps(self._metadata)
            await Response(body, media_type="application/json", headers={"access-control-allow-origin": "*"})(
                scope, receive, send
            )
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
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        token = token if scheme.lower() == "bearer" else ""
        try:
            if not self._agents.remembers(token):  # whoever is not known yet has one share with all the others
                async with self._admission.admitted(NOBODY):
                    if await self._agents.caller(token) is None:
                        sentence = "the token is unknown, expired, revoked or not meant for this server"
                        await self._unknown(401, sentence if token else "")(scope, receive, send)
                        return
            caller = await self._agents.caller(token)
            if caller is None:
                await self._unknown(401, "the token has just ended")(scope, receive, send)
                return
            await self._admitted(scope, headers, token, caller, receive, send)
        except Rejection as refused:
            response = Response(
                refused.sentence, refused.status, {"retry-after": str(refused.after)}, media_type="text/plain"
            )
            await response(scope, receive, send)

    async def _admitted(
        self, scope: Scope, headers: Mapping[bytes, bytes], token: str, caller: Caller, receive: Receive, send: Send
    ) -> None:
        access = AccessToken(token=token, client_id=caller.agent, scopes=[], subject=caller.person)
        access.claims = {"iss": caller.tenant}
        scope["user"] = AuthenticatedUser(access)
        principal = f"{caller.tenant}\n{caller.agent}\n{caller.person}"
        async with self._admission.admitted(principal):
            with ExitStack() as held:
                if int(headers.get(b"content-length", b"0")) > MAX_BODY:
                    raise Rejection(413, f"more than {MAX_BODY} bytes")
                messages = await self._body(principal, receive, held) if scope["method"] == "POST" else []
                body = b"".join(m.get("body", b"") for m in messages)
                self._admission.weigh(principal, body)
                if refusal := await _repeated(body):  # guard: keys that a call names twice
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
        stateless = self._apps.streaming if _MARK in body else self._apps.plain
        session = None
        if HEADER in headers:
            text = headers[HEADER].decode("latin-1")
            try:
                session = self._ids.read(text, caller)
            except Foreign:
                await self._unknown(403, "the session is another's")(scope, receive, send)
                return
            if session is None or session.inner in self._ended:
                await _not_found(scope, receive, send)
                return
            scope[OPENS_LINKS] = session.opens_links
            if scope["method"] == "DELETE":
                self._end(session)
        fresh = session is None
        if session is None:
            begun = _handshake(body) if post and b"mcp-protocol-version" not in headers else None
            if begun is None:
                await stateless(scope, _again(messages, receive), send)
                return
            session = McpSession("", "url" in begun)
        given, again = _Given(self._ids, session, caller, send, fresh=fresh), _again(messages, receive)
        if self._apps.sessions is not None:
            inner = scope if fresh else {**scope, "headers": _renamed(scope, session.inner)}
            listens = scope["method"] == "GET"
            await self._apps.sessions(inner, self._until_closing(receive) if listens else again, given.send)
            if not given.is_gone:
                return
        # the session is not live here: after a restart, or at another replica, its id says enough
        if post:
            plain = {**scope, "headers": [h for h in scope["headers"] if h[0] != HEADER]}
            await stateless(plain, _again(messages, receive), given.send_anyhow)
        else:
            await Response("", 405, {"allow": "POST"})(scope, receive, send)

    def _until_closing(self, receive: Receive) -> Receive:
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

    def _unknown(self, status: int, sentence: str) -> Response:
        """RFC 6750, section 3 (who brought no token is told of no error), with RFC 9728, section 5.1."""
        error = "invalid_token" if status == 401 else "insufficient_scope"
        said = {"error": error, "error_description": sentence} if sentence else {}
        if self._metadata is not None:
            resource = str(self._metadata["resource"]).removesuffix(MCP_PATH)
            said["resource_metadata"] = f"{resource}{METADATA_PATH}{MCP_PATH}"
        challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())
        body = orjson.dumps({"error": error, "error_description": sentence or "a token is needed"})
        return Response(body, status, {"www-authenticate": challenge.strip()}, media_type="application/json")

    async def _body(self, principal: str, receive: Receive, held: ExitStack) -> list[Message]:
        """The request's messages up to the bound; what is beyond it is refused by the application."""
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(self._admission.patience):
                while True:
                    message = await receive()
                    messages.append(message)
                    held.enter_context(self._admission.holding(principal, len(message.get("body", b""))))
                    size += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body") or size > MAX_BODY:
                        return messages
        except TimeoutError:
            raise Rejection(408, f"the body did not come within {self._admission.patience:g} s") from None

    async def _live(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            for app in self._apps.all:
                await stack.enter_async_context(app.router.lifespan_context(app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


class _Given:
    """Gives the client its id where the SDK gives its own, and keeps back that a session is not live here."""

    def __init__(self, ids: SessionIds, session: McpSession, caller: Caller, send: Send, *, fresh: bool) -> None:
        self._ids = ids
        self._session = session
        self._caller = caller
        self._send = send
        self._fresh = fresh
        self.is_gone = False

    async def send(self, message: Message) -> None:
        """ASGI's `send` of the application with the sessions."""
        if message["type"] == "http.response.start":
            if message["status"] in (404, 503) and (not self._fresh or message["status"] == 503):
                self.is_gone = True  # not known here, or no room for one more: answered without
            inner = dict(message["headers"]).get(HEADER)
            if inner is not None:
                message = {**message, "headers": self._headers(message, inner.decode("latin-1"))}
        if not self.is_gone:
            await self._send(message)

    async def send_anyhow(self, message: Message) -> None:
        """ASGI's `send` of the application without sessions: a client that opens one still gets an id."""
        if message["type"] == "http.response.start" and self._fresh and message["status"] == 200:
            message = {**message, "headers": self._headers(message, secrets.token_hex(16))}
        await self._send(message)

    def _headers(self, message: Message, inner: str) -> list[tuple[bytes, bytes]]:
        own = self._ids.given(McpSession(inner, self._session.opens_links), self._caller).encode()
        return [*(h for h in message["headers"] if h[0] != HEADER), (HEADER, own)]


async def _repeated(body: bytes) -> Response | None:
    """The answer to a body that names a key twice: whoever looks at the call may read another value than we would."""
    key = repeated_key(body) if len(body) <= ASIDE_BYTES else await asyncio.to_thread(repeated_key, body)
    if key is None:
        return None
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:  # no JSON after all: its own parser says so
        return None
    given = message.get("id") if isinstance(message, dict) else None
    sentence = f"the request names the key `{visible(key[:100])}` twice; write each key once"
    said = {"jsonrpc": "2.0", "id": given, "error": {"code": -32600, "message": sentence}}
    return Response(orjson.dumps(said), 400, media_type="application/json")


def _handshake(body: bytes) -> Mapping[str, JsonValue] | None:
    """What the client of an `initialize` declares of elicitation; None for every other message."""
    if b'"initialize"' not in body:
        return None
    try:
        message = orjson.loads(body)
        if message["method"] != "initialize":
            return None
        declared = message["params"]["capabilities"].get("elicitation")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
    return declared if isinstance(declared, dict) else {}


def _renamed(scope: Scope, inner: str) -> list[tuple[bytes, bytes]]:
    return [(n, inner.encode() if n == HEADER else v) for n, v in scope["headers"]]


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """What makes a client open a new session (MCP 2025-11-25, Session Management)."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Session not found"}}
    await Response(orjson.dumps(error), 404, media_type="application/json")(scope, receive, send)


def _again(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def replay() -> Message:
        for message in left:
            return message
        return await receive()

    return replay
