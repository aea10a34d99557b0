"""The console as an ASGI application: every page with its `.json` twin, every action a plain form."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import cast
from urllib.parse import parse_qsl, quote, urlsplit

import orjson
import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.errors import AilyusError
from policies.approval_document import visible
from policies.principal import Person
from receipts.action.action import Action
from receipts.journal.journal import Journal
from server.console.session import COOKIE, ConsoleSession, ConsoleSessions
from server.results.answers import iso
from server.workspace.hosts import plain_host

MAX_BODY = 256 * 1024
"""Bytes of a form: an approval's whole binding fits."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "cache-control": "no-store",
}
STATUS = {"signed_out": 401, "not_found": 404, "unknown_approval": 404, "no_authority": 403, "bad_form": 403}
"""HTTP status of an error's code; every other is 409."""
STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "verify.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its template, and the data that it shows, which is also its `.json` twin."""

    template: str
    title: str
    body: Mapping[str, object]
    status: int = 200


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """One request to a page: by whom, and the fields of its form."""

    request: Request
    session: ConsoleSession | None
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def signed_in(self) -> ConsoleSession:
        """The session; raises `signed_out` when there is none."""
        if self.session is None:
            raise AilyusError("signed_out", "your session has ended")
        return self.session

    @property
    def person(self) -> Person:
        """Who is signed in."""
        return self.signed_in.person

    @property
    def tenant(self) -> str:
        """Whose records this person sees: never another tenant's."""
        return self.person.tenant

    def named(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """A field of the query, without white space around it; empty when it is absent."""
        return self.request.query_params.get(name, "").strip()[:300]


async def action_of(visit: ConsoleRequest, journal: Journal) -> Action:
    """The action that the path names."""
    action = await journal.get(visit.named("action"))
    # INVARIANT: nobody reads another tenant's action; a foreign id is not found
    if action is None or action.request.tenant != visit.tenant:
        raise AilyusError("not_found", "there is no such action that you may see", hint="start at the inbox")
    return action


Handler = Callable[[ConsoleRequest], Awaitable[Page | Response]]


@dataclass(frozen=True, slots=True)
class View:
    """Where a handler is reached; `public` needs no session."""

    method: str
    path: str
    handler: Handler
    public: bool = False


class Web:
    """Routes, sessions, headers, templates."""

    def __init__(
        self, sessions: ConsoleSessions, navigation: Callable[[ConsoleSession], Awaitable[Mapping[str, JsonValue]]]
    ) -> None:
        self._sessions = sessions
        self._navigation = navigation
        self.origin = ""
        self._templates = Environment(
            loader=PackageLoader("server.console"),
            autoescape=True,  # guard: escapes
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "visible": lambda v: visible(str(v)),
            "iso": lambda v: iso(int(str(v))),
            "json": _json,
        }

    def app(self, origin: str, views: list[View]) -> ASGIApp:
        """The application, for browsers that reach it at this origin."""
        self.origin = origin
        routes: list[BaseRoute] = [Route("/static/{name}", _static)]
        for view in views:
            if view.method == "GET":
                routes.append(Route(f"{view.path}.json", self._endpoint(view, as_json=True), methods=["GET"]))
            routes.append(Route(view.path, self._endpoint(view, as_json=False), methods=[view.method]))
        routes.append(Route("/", lambda request: RedirectResponse("/inbox", 303)))
        routes.append(Route("/{path:path}", self._endpoint(View("GET", "", _nothing, public=True), as_json=False)))
        return _Guarded(Starlette(routes=routes), origin)

    def _endpoint(self, view: View, *, as_json: bool) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            begun = time.perf_counter()
            answer = await answered(request)
            answer.headers["server-timing"] = f"page;dur={(time.perf_counter() - begun) * 1000:.1f}"
            return answer

        async def answered(request: Request) -> Response:
            visit = ConsoleRequest(request, await self._sessions.find(request.cookies.get(COOKIE, "")))
            try:
                if visit.session is None and not view.public:
                    if request.method == "GET" and not as_json:
                        return RedirectResponse(f"/sign-in?to={quote(request.url.path)}", 303)
                    raise AilyusError("signed_out", "your session has ended")
                if request.method == "POST":
                    visit = ConsoleRequest(request, visit.session, await self._form(request, visit.session))
                answer = await view.handler(visit)
                return answer if isinstance(answer, Response) else await self._answer(visit, answer, as_json=as_json)
            except AilyusError as error:
                page = fault_page(error)
            except (ValidationError, ValueError, KeyError):
                page = fault_page(AilyusError("bad_form", "the form is malformed"))
            except Exception:  # nothing of an exception reaches a browser
                log.exception("console_fault", path=request.url.path[:200])
                page = fault_page(AilyusError("internal", "the console met a fault of its own"), 500)
            return await self._answer(visit, page, as_json=as_json)

        return endpoint

    async def _answer(self, visit: ConsoleRequest, page: Page, *, as_json: bool) -> Response:
        if as_json:
            return Response(orjson.dumps(page.body, default=list), page.status, media_type="application/json")
        session = visit.session
        text = self._templates.get_template(page.template).render(
            **page.body,
            page_title=page.title,
            path=visit.request.url.path,
            me=session.person if session else None,
            navigation=await self._navigation(session) if session else {},
            token=session.token if session else lambda path: "",
        )
        return Response(text, page.status, media_type="text/html")

    async def _form(self, request: Request, session: ConsoleSession | None) -> Mapping[str, str]:
        """The fields of a form that this console gave to this session; anything else is refused."""
        # INVARIANT: no other site makes a person's browser do something here
        if request.headers.get("origin", "") != self.origin:  # guard: forms of this origin
            raise AilyusError("bad_form", "the form was not sent from this console")
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise AilyusError("bad_form", "this is no form")
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise AilyusError("bad_form", "the form is too large")
        except ClientDisconnect:
            raise AilyusError("bad_form", "the form did not come whole") from None
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50))
        # guard: forms of this session
        if session is not None and not session.sent(request.url.path, fields.get("token", "")):
            raise AilyusError("bad_form", "the form was given to another session")
        return fields


def fault_page(error: AilyusError, status: int | None = None) -> Page:
    """An error as a page: what is wrong, and what to change."""
    body = {"code": error.code, "sentence": error.sentence, "hint": error.hint}
    return Page("error.html", "Not done", body, status or STATUS.get(error.code, 409))


def redirect(path: str) -> Response:
    """After a form: look at what became of it."""
    return RedirectResponse(path, 303)


def inside(path: str) -> str:
    """A path of this console, and nothing else: no other host, no scheme."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()
    return path if plain else "/inbox"


def cookie(secret: str, seconds: int) -> str:
    """The `Set-Cookie` value of a session; zero seconds takes it away."""
    return f"{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"


async def _nothing(visit: ConsoleRequest) -> Page:
    raise AilyusError("not_found", "there is no such page", hint="start at the inbox")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return Response("not found", 404, media_type="text/plain")
    return Response(_content(name), media_type=STATIC[name], headers={"cache-control": "no-cache"})


@cache
def _content(name: str) -> bytes:
    return files("server.console").joinpath("static", name).read_bytes()


def _json(value: object) -> str:
    return orjson.dumps(value, default=list).decode()


class _Guarded:
    """The Host allow-list, and the headers of every answer."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._origin = origin
        self._host = plain_host(urlsplit(origin).netloc)
        port = urlsplit(origin).port
        # an IP address can be no RP id of a passkey: whoever came by one is sent to the name
        self._alias = plain_host(f"127.0.0.1:{port}") if urlsplit(origin).hostname == "localhost" else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = dict(cast(list[tuple[bytes, bytes]], scope["headers"])).get(b"host", b"")
        host = plain_host(said.decode("latin-1"))
        answer: ASGIApp = self._app
        if host != self._host:  # guard: this console's name
            # INVARIANT: a name that somebody else points at this machine (DNS rebinding) gets nothing
            known = host == self._alias and scope["method"] == "GET"
            answer = (
                RedirectResponse(self._origin + quote(scope["path"]), 307)
                if known
                else Response("this console is not known by that name\n", 421, media_type="text/plain")
            )

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                added = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await answer(scope, receive, sending)
