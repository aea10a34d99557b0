"""Pages of an audit log as a target answers them, and a reading of them."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from adapters.audit_log.reader import Answer, read_events
from adapters.audit_log.source import AuditLog, JsonFeed, TimeWindow
from contracts.action.http_request import HttpRequest
from contracts.compiler.expressions import Fault

BASE = "https://a.example/api"
WINDOW = TimeWindow(1_000_000, 2_000_000)
FEED = JsonFeed("/log", "data.rows", "data.next", "id", "at", "who.id", "did", "what", "req")


def answers(
    *pages: tuple[int, Mapping[str, str], object], asked: list[HttpRequest] | None = None
) -> Callable[..., Any]:
    left = list(pages)

    async def ask(http: HttpRequest) -> Answer | Fault:
        if asked is not None:
            asked.append(http)
        status, headers, body = left.pop(0)
        return status, headers, orjson.dumps(body)

    return ask


def row(n: int, **more: object) -> dict[str, object]:
    return {"id": f"e{n}", "at": 1_000 + n, "who": {"id": "us"}, "did": "lock", "what": ["u1"], "req": "r", **more}


def page(*rows: dict[str, object], next: str | None = None) -> tuple[int, Mapping[str, str], object]:
    return 200, {}, {"data": {"rows": list(rows)} | ({"next": next} if next else {})}


async def read(log: AuditLog, ask: Callable[..., Any]) -> Any:
    return await read_events(log, BASE, WINDOW, ask)
