"""The HTTP API for programs that read receipts: below `/api/`, by the token of an agent, for one tenant.

Every answer is JSON. Whoever asks is known and admitted before anything is looked up, and each refusal is logged.
"""

from collections.abc import Awaitable, Callable
from typing import Final, cast

import orjson
import structlog
from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.action.request import Caller
from contracts.errors import AilyusError
from policies.receipt_policy import RECEIPTS
from server.actions.runner import ActionRunner
from server.admin import access
from server.console.api.description import description
from server.console.api.documents import ApiFault
from server.console.api.queries import MAX_TEXT, ApiQuestion, ReceiptQueries
from server.identity.agents import Agents
from server.mcp.admission import Admission, Rejection
from server.observability import metrics
from server.workspace.hosts import is_among, plain_host
from server.workspace.public_address import PublicAddress, host_of

PREFIX: Final = "/api/"
_STATUS: Final = {"bad_form": 400, "unauthenticated": 401, "no_authority": 403, "not_found": 404, "too_many": 429}
_UNKNOWN: Final = ""
"""Whose share it is when nobody knows yet whose it is."""
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_Answer = Callable[[ApiQuestion], Awaitable[BaseModel]]
log = structlog.get_logger()


class ReceiptApi:
    """Stands before the console, and answers below its prefix."""

    def __init__(
        self, runner: ActionRunner, agents: Agents, admission: Admission, address: PublicAddress, version: str
    ) -> None:
        self._runner = runner
        self._agents = agents
        self._admission = admission
        self._queries = ReceiptQueries(runner)
        self._description = orjson.dumps(description(address.console, version))
        self._hosts = frozenset((*address.names, host_of(address.console_origin)))

    def before(self, app: ASGIApp) -> ASGIApp:
        """The application that answers itself, or lets the other one answer."""

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            is_ours = scope["type"] == "http" and scope["path"].startswith(PREFIX)
            await (self._answered if is_ours else app)(scope, receive, send)

        return either

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope)
        except Rejection as refused:
            answer = _refused(AilyusError("too_many", refused.sentence), {"retry-after": str(refused.after)})
        except AilyusError as error:
            answer = _refused(error, {"www-authenticate": "Bearer"} if error.code == "unauthenticated" else {})
        except Exception:  # nothing of an exception reaches a program
            log.exception("api_fault")
            answer = _refused(AilyusError("internal", "the gateway met a fault of its own"), {})
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        headers = dict(cast(list[tuple[bytes, bytes]], scope["headers"]))
        host = plain_host(headers.get(b"host", b"").decode("latin-1"))
        if not is_among(host, self._hosts):  # guard: a host before a token, for programs
            return Response("this gateway is not known by that name\n", 421, media_type="text/plain")
        if scope["method"] not in ("GET", "HEAD"):
            return Response("", 405, {"allow": "GET, HEAD"})
        if scope["path"] == f"{PREFIX}openapi.json":
            return Response(self._description, headers=_HEADERS, media_type="application/json")
        caller = await self._caller(headers.get(b"authorization", b"").decode("latin-1"))
        async with self._admission.admitted(f"{caller.tenant}\n{caller.agent}\n{caller.person}"):
            # guard: which programs read
            access.require(self._runner.release, RECEIPTS, caller)
            answer, named = self._route(scope["path"].removeprefix(PREFIX))
            texts = QueryParams(scope["query_string"]).multi_items()
            asked = {name: text.strip() for name, text in texts}
            if len(asked) != len(texts) or any(len(text) > MAX_TEXT for text in asked.values()):
                raise AilyusError("bad_form", f"each filter is there once, with at most {MAX_TEXT} characters")
            found = await answer(ApiQuestion(caller, named, asked))
        return Response(found.model_dump_json(), headers=_HEADERS, media_type="application/json")

    async def _caller(self, credential: str) -> Caller:
        """Whose token it is; who is not known has one share with all the others."""
        scheme, _, token = credential.strip().partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if self._agents.remembers(token):
            caller = await self._agents.caller(token)
        else:
            async with self._admission.admitted(_UNKNOWN):
                caller = await self._agents.caller(token)
        if caller is None:
            hint = "`ailyus agent add NAME --role Auditor` makes one"
            raise AilyusError("unauthenticated", "the token is unknown, expired or revoked", hint=hint)
        return caller

    def _route(self, path: str) -> tuple[_Answer, str]:
        match path.split("/"):
            case ["receipts"]:
                return self._queries.receipts, ""
            case ["receipts", receipt]:
                return self._queries.receipt, receipt
            case ["receipts", receipt, "bundle"]:
                return self._queries.bundle, receipt
            case ["actions", action]:
                return self._queries.action, action
        raise AilyusError("not_found", "there is no such path", hint="/api/openapi.json describes all")


def _refused(error: AilyusError, headers: dict[str, str]) -> Response:
    status = _STATUS.get(error.code, 500)
    log.warning("api_refused", code=error.code)
    metrics.record_refusal(status)
    told = ApiFault(code=error.code, sentence=error.sentence, hint=error.hint or "")
    return Response(told.model_dump_json(), status, {**_HEADERS, **headers}, media_type="application/json")
