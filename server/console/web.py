"""The console as an ASGI application: every page with its `.json` twin, every action a plain form."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl, quote

import orjson
import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import Access
from server.console.filters import FILTERS
from server.console.host_guard import HostGuard
from server.console.session import COOKIE, ConsoleSession
from server.console.static_files import static_file
from server.console.visit import ConsoleRequest, Page, View
from server.workspace.public_address import PublicAddress

MAX_BODY = 256 * 1024
"""Bytes of a form: an approval's whole binding fits."""
STATUS = {"signed_out": 401, "not_found": 404, "unknown_approval": 404, "no_authority": 403, "bad_form": 403}
"""HTTP status of an error's code; every other is 409."""
log = structlog.get_logger()


class SessionFinder(Protocol):
    """Who knows the session of a cookie."""

    async def find(self, secret: str) -> ConsoleSession | None:
        """The session; None where there is none."""


class Web:
    """Routes, sessions, headers, templates."""

    def __init__(
        self,
        sessions: SessionFinder,
        navigation: Callable[[ConsoleSession], Awaitable[Mapping[str, JsonValue]]],
        clock: Callable[[], int],
        require: Callable[[Access, Person], None],
    ) -> None:
        """`require` raises for what the policies about receipts do not permit."""
        self._sessions = sessions
        self._navigation = navigation
        self._clock = clock
        self._require = require
        self.origin = ""
        self._templates = Environment(
            loader=PackageLoader("server.console"),
            autoescape=True,  # guard: escapes
            undefined=StrictUndefined,  # a field that is missing is a fault, and no empty place in an approval
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= FILTERS

    def app(self, address: PublicAddress, views: list[View], files: Sequence[BaseRoute] = ()) -> ASGIApp:
        """The application, for browsers that reach it there; `files` are what it serves beside its own static files."""
        self.origin = address.console_origin
        self._templates.globals["base"] = address.base_path
        routes: list[BaseRoute] = [Route("/static/{name}", static_file), *files]
        for view in views:
            if view.method == "GET":
                routes.append(Route(f"{view.path}.json", self._endpoint(view, as_json=True), methods=["GET"]))
            routes.append(Route(view.path, self._endpoint(view, as_json=False), methods=[view.method]))
        # last, since it takes whatever is left: every address is answered by a page of this console
        routes.append(Route("/{path:path}", self._endpoint(View("GET", "", _nothing, public=True), as_json=False)))
        return HostGuard(Starlette(routes=routes), address)

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
                if view.needs is not None and visit.session is not None:
                    self._require(view.needs, visit.session.person)  # guard: who reads and who decides
                if request.method == "POST":
                    visit = ConsoleRequest(request, visit.session, await self._form(request, visit.session))
                answer = await view.handler(visit)
                return answer if isinstance(answer, Response) else await self._answer(visit, answer, as_json=as_json)
            except AilyusError as error:
                page = fault_page(error)
            except (ValidationError, ValueError, KeyError):  # of a field that a form does not have, too
                page = fault_page(AilyusError("bad_form", "the form is malformed"))
            except Exception:  # nothing of an exception reaches a browser
                log.exception("console_fault", page=view.path)
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
            clock_ms=self._clock(),
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


async def _nothing(visit: ConsoleRequest) -> Page:
    raise AilyusError("not_found", "there is no such page", hint="start at the inbox")
