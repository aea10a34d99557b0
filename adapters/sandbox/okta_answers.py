"""What all of Okta's twin answers with: its errors, its rate limits, its pages and its system log."""

import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, TwinResponse

_LIMIT = 600
"""Requests a minute that an endpoint takes."""


def error(status: int, code: str, summary: str) -> TwinResponse:
    """An error as Okta writes it (https://developer.okta.com/docs/reference/error-codes/)."""
    body = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": f"oae{time.time_ns()}"}
    return TwinResponse(status, {**body, "errorCauses": []})


def missing(what: str, kind: str) -> TwinResponse:
    """There is no such thing: a `User`, a `UserGroup`, an `AppInstance`."""
    return error(404, "E0000007", f"Not found: Resource not found: {what} ({kind})")


def limits(remaining: int = _LIMIT - 1, seconds: int = 60) -> Mapping[str, str]:
    """The headers about the rate limit of an endpoint; it begins anew in these seconds, told as a time of the epoch."""
    reset = str(int(time.time()) + seconds)
    return {
        "x-rate-limit-limit": str(_LIMIT),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": reset,
    }


def page(request: Request, found: Sequence[Json], most: int) -> TwinResponse:
    """One page of a list: `limit` and `after`, and a `Link` to the next page while there is one (RFC 8288)."""
    asked = request.query.get("limit", "")
    limit = min(int(asked), most) if asked.isdigit() and int(asked) else most
    after = request.query.get("after", "0")
    start = int(after) if after.isdigit() else 0
    links = [f'<{_link(request, {})}>; rel="self"']
    if start + limit < len(found):
        links.append(f'<{_link(request, {"after": str(start + limit), "limit": str(limit)})}>; rel="next"')
    return TwinResponse(200, list(found[start : start + limit]), {"link": ", ".join(links)})


def _link(request: Request, more: Mapping[str, str]) -> str:
    query = {**request.query, **more}
    return f"{request.base}{request.path}" + (f"?{urlencode(query)}" if query else "")


def trace(state: Json, first: int, request_id: str) -> None:
    """The lines from this one on were written for one request."""
    for line in state["logs"][first:]:
        line["transaction"] = {"type": "WEB", "id": request_id, "detail": {}}
        line["debugContext"] = {"debugData": {"requestId": request_id}}


def log(state: Json, event: str, result: str, user: str, *others: tuple[str, str]) -> None:
    """One line of the system log, about a user and what else it touched (type, id)."""
    target = [{"type": kind, "id": one} for kind, one in (("User", user), *others)]
    state["logs"].append(
        {
            "uuid": f"log{len(state['logs'])}",
            "published": stamp(),
            "eventType": event,
            "actor": {"id": "00uwriter00001", "type": "User", "displayName": "ailyus-writer"},
            "outcome": {"result": result},
            "target": target,
        }
    )
