"""The reader of an audit log: every page of a window, or why it could not be read whole.

A part of a log proves nothing: a change that is not in it would count as one without an event, and the other way
round. So what is cut, changes meanwhile or cannot be read is a `Fault`, and never a shorter list.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from adapters.audit_log.source import AuditLog, TimeWindow
from adapters.decoding import Undecodable, decode
from adapters.http.answer import retry_after_ms
from adapters.http.page_list import NextPage, PageList
from contracts.action.http_request import HttpRequest
from contracts.action.target_event import TargetEvent
from contracts.compiler.expressions import Fault

Answer = tuple[int, Mapping[str, str], bytes]
Ask = Callable[[HttpRequest], Awaitable[Answer | Fault]]
_TRIES: Final = 4
"""Requests of one page: a target that takes no more for now says for how long, and is asked again."""


async def read_events(
    log: AuditLog, base_url: str, window: TimeWindow, ask: Ask, step: Callable[[int], None] = lambda _: None
) -> tuple[TargetEvent, ...] | Fault:
    """The events of a window, oldest first; `step` is told how many pages were read."""
    base_url = base_url.rstrip("/")
    http = log.request(base_url, window, "")
    pages = PageList(log.rule, base_url, http.url)
    following: NextPage | None = NextPage()
    while following is not None:
        answer = await _page(ask, http)
        if isinstance(answer, Fault):
            return answer
        try:
            value = decode(answer[2], "json", ())
        except Undecodable:
            return Fault(f"page {pages.pages + 1} of the audit log is no JSON")
        following = pages.add(answer[1], value)
        step(pages.pages)
        if following is not None:
            cursor = str(following.value)
            http = (
                log.request(base_url, window, cursor)
                if cursor
                else HttpRequest("GET", following.url, http.headers, b"")
            )
    if pages.fault is not None:  # guard: an audit log that is not whole
        return Fault(f"the audit log could not be read whole: {pages.fault}")
    return _events(log, pages, window)


def _events(log: AuditLog, pages: PageList, window: TimeWindow) -> tuple[TargetEvent, ...] | Fault:
    found: dict[str, TargetEvent] = {}
    for number, item in enumerate(pages.items, 1):
        event = log.event(item)
        if event is None:  # guard: an audit event that cannot be read
            return Fault(f"event {number} of the audit log has no id, no time, no actor or no action that can be read")
        if event.id in found:
            return Fault(f"event {number} of the audit log stands there twice")
        found[event.id] = event
    inside = [one for one in found.values() if window.since_ms <= one.at_ms <= window.until_ms]
    return tuple(sorted(inside, key=lambda one: (one.at_ms, one.id)))


async def _page(ask: Ask, http: HttpRequest) -> Answer | Fault:
    for attempt in range(_TRIES):
        answer = await ask(http)
        if isinstance(answer, Fault):
            return answer
        status, headers, _ = answer
        if status not in (429, 503) or attempt == _TRIES - 1:
            break
        await asyncio.sleep((retry_after_ms(headers) or 1000) / 1000)
    return answer if 200 <= status < 300 else Fault(f"the audit log was answered {status}")
