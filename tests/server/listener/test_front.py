"""The front believes the proxies that are named, takes plain HTTP from them alone, and takes the base path away."""

from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from server.listener.front import Front
from server.workspace.settings.server import ServerPart

SERVER = ("10.0.0.1", 8420)
PROXY = ("10.0.0.5", 40000)
STRANGER = ("10.0.0.66", 40000)
TERMINATED = {"tls_terminated_by": ["10.0.0.5"], "forwarded": ["10.0.0.5"]}
SPOOFED = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https", "x-forwarded-host": "inner.example"}


class Asked:
    """What came through, and how it was answered."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.health = 0
        self.status = 0
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await PlainTextResponse("through")(scope, receive, send)

    async def look(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.health += 1
        await PlainTextResponse("health")(scope, receive, send)

    async def ask(
        self,
        part: dict[str, Any],
        client: tuple[str, int] | None = PROXY,
        path: str = "/mcp",
        headers: dict[str, str] | None = None,
        server: Any = SERVER,
        ending: bool = False,
    ) -> Scope | None:
        front = Front(self.app, self.look, ServerPart.model_validate(part), lambda: ending)
        scope: Scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "client": client, "server": server, "scheme": "http",
            "headers": [(b"host", b"a.example"), *((n.encode(), v.encode()) for n, v in (headers or {}).items())],
        }  # fmt: skip

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            self.status = message.get("status", self.status)
            self.headers += message.get("headers", [])
            self.body += message.get("body", b"")

        before = len(self.scopes)
        await front(scope, receive, send)
        return self.scopes[-1] if len(self.scopes) > before else None


def said(scope: Scope | None) -> tuple[Any, str, bytes]:
    assert scope is not None
    return scope["client"], scope["scheme"], dict(scope["headers"])[b"host"]


async def test_the_word_of_a_named_proxy_is_taken() -> None:
    found = await Asked().ask(
        {"forwarded": ["10.0.0.5"]},
        headers={"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-host": "Public.example"},
    )
    assert said(found) == (("192.0.2.7", 0), "https", b"public.example")
    found = await Asked().ask(
        {"forwarded": ["10.0.0.5"]}, headers={"forwarded": 'for="192.0.2.7:4711";proto=https;host=public.example'}
    )
    assert said(found) == (("192.0.2.7", 4711), "https", b"public.example")


@pytest.mark.parametrize("part", [{}, {"forwarded": ["10.0.0.5"]}, {"forwarded": ["unix"]}])
async def test_nobody_elses_word_is_taken(part: dict[str, Any]) -> None:
    assert said(await Asked().ask(part, STRANGER, headers=SPOOFED)) == (STRANGER, "http", b"a.example")
    standard = {"forwarded": "for=127.0.0.1;proto=https;host=inner.example"}
    assert said(await Asked().ask(part, STRANGER, headers=standard)) == (STRANGER, "http", b"a.example")


@pytest.mark.parametrize("path", ["/mcp", "/readyz"])
async def test_an_answer_of_a_gateway_that_ends_is_the_last_one_of_its_connection(path: str) -> None:
    for ending in (False, True):
        asked = Asked()
        await asked.ask({}, path=path, ending=ending)
        assert ((b"connection", b"close") in asked.headers) is ending


async def test_two_words_about_one_client_are_refused() -> None:
    asked = Asked()
    headers = {"x-forwarded-for": "192.0.2.7", "forwarded": "for=127.0.0.1"}
    assert await asked.ask({"forwarded": ["10.0.0.5"]}, headers=headers) is None
    assert asked.status == 400
    assert b"say different things" in asked.body


async def test_plain_http_is_taken_from_the_proxies_alone() -> None:
    asked = Asked()
    assert said(await asked.ask(TERMINATED)) == (PROXY, "https", b"a.example")
    assert await asked.ask(TERMINATED, STRANGER) is None
    assert asked.status == 403
    assert b"ask by HTTPS" in asked.body
    # what never crossed a network needs no proxy
    for local in (("127.0.0.1", 1), ("::1", 1), (SERVER[0], 1), None):
        assert await Asked().ask(TERMINATED, local) is not None, local


async def test_plain_http_before_the_proxy_is_refused() -> None:
    asked = Asked()
    assert await asked.ask(TERMINATED, headers={"x-forwarded-proto": "http"}) is None
    assert asked.status == 403
    assert await Asked().ask(TERMINATED, headers={"x-forwarded-proto": "https"}) is not None


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/ailyus/mcp", "/mcp"),
        ("/ailyus/inbox", "/inbox"),
        ("/ailyus/", "/"),
        ("/ailyus", "/"),
        ("/inbox", "/inbox"),  # the proxy took it away
        ("/ailyusx/inbox", "/ailyusx/inbox"),
        ("/x/ailyus/inbox", "/x/ailyus/inbox"),
        ("/ailyus/ailyus/inbox", "/ailyus/inbox"),
    ],
)
async def test_the_base_path_is_taken_away_once(path: str, inner: str) -> None:
    found = await Asked().ask({"base_path": "/ailyus"}, path=path)
    assert found is not None
    assert (found["path"], found["raw_path"]) == (inner, inner.encode())


async def test_health_needs_no_proxy_and_no_name() -> None:
    for path in ("/livez", "/readyz", "/ailyus/readyz"):
        asked = Asked()
        assert await asked.ask({**TERMINATED, "base_path": "/ailyus"}, STRANGER, path) is None
        assert asked.health == 1, path
    asked = Asked()
    await asked.ask({}, path="/readyz/")
    assert asked.health == 0
