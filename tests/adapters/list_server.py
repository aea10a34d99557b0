"""A server of one list in pages, in each of the ways that vendors have, while the list changes and pages fail."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from contracts.action.http_request import HttpRequest

Fault = str | int
WAYS: Mapping[str, Mapping[str, Any]] = {
    "link": {"get": "/list", "pages": {"link": "next"}},
    "next": {"get": "/list", "pages": {"next": "links.next", "more": "meta.has_more", "items": "data"}},
    "odata": {"get": "/list", "pages": {"next": ["@odata.nextLink"], "items": "value"}},
    "cursor": {
        "get": "/list",
        "query": {"cursor": "${page.cursor}"},
        "pages": {"cursor": "response_metadata.next_cursor", "items": "data"},
    },
    "starting_after": {
        "post": "/list",
        "json": {"pagination": {"per_page": 3, "starting_after": "${page.cursor}"}},
        "pages": {"cursor": "pages.next.starting_after", "items": "data"},
    },
    "number": {"get": "/list", "query": {"page": "${page.number}"}, "pages": {"number": 1, "items": "data"}},
    "offset": {
        "get": "/list",
        "query": {"query": "select * from Item startposition ${page.offset} maxresults 3"},
        "pages": {"offset": 1, "items": "data"},
    },
    "total": {
        "get": "/list",
        "query": {"startIndex": "${page.offset}"},
        "pages": {"offset": 1, "items": "data", "total": "total"},
    },
}
"""Reads of the list, as a contract declares them, by the way in which the server gives its pages."""


@dataclass
class ListServer:
    """One list. `changes` happen before the answer to the n-th request, counted from 0; so do `faults`.

    A change is `(place, item)`: the item is put there, or what stands there is taken out where the item is None. A
    fault is a status, `loop` (the first page again), `empty` (a page without items that leads on to them), `none` (no
    list) or `away` (the next page is at another host).
    """

    way: str
    items: list[str]
    size: int = 3
    changes: Mapping[int, tuple[int, str | None]] = field(default_factory=dict)
    faults: Mapping[int, Fault] = field(default_factory=dict)
    base_url: str = "http://127.0.0.1:9/v1"
    requests: int = 0
    ever: set[str] = field(default_factory=set)
    always: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.items = list(self.items)
        self.ever, self.always = set(self.items), set(self.items)

    def answer(self, url: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        number = self.requests
        self.requests += 1
        if (change := self.changes.get(number)) and self.items:
            self._change(*change)
        fault = self.faults.get(number)
        if isinstance(fault, int):  # with a body that says that nothing more is there
            headers, value = self._page([], None, self.base_url)
            return fault, headers, orjson.dumps(value)
        start = 0 if fault == "loop" else self._start(url, body)
        found = [] if fault == "empty" else self.items[start : start + self.size]
        following = start + self.size if start + self.size < len(self.items) else None
        following = start if fault == "empty" else following
        headers, value = self._page(found, following, "http://127.0.0.1:1" if fault == "away" else self.base_url)
        return 200, headers, b'{"data": 1}' if fault == "none" else orjson.dumps(value)

    async def ask(self, http: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        """As `HttpAdapter` sends one request."""
        return self.answer(http.url, http.body)

    def handler(self, seen: list[bytes]) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
        """As `raw_server` takes it."""

        async def handle(writer: asyncio.StreamWriter) -> None:
            head, _, body = seen[-1].partition(b"\r\n\r\n")
            status, headers, content = self.answer("http://x" + head.split(b" ")[1].decode(), body)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\n{lines}\r\n".encode() + content)

        return handle

    def _change(self, place: int, item: str | None) -> None:
        if item is None:
            self.always.discard(self.items.pop(place % len(self.items)))
        else:
            self.items.insert(place % (len(self.items) + 1), item)
            self.ever.add(item)

    def _start(self, url: str, body: bytes) -> int:
        """The place of the first item that is asked for."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if self.way == "number":
            return (int(query["page"]) - 1) * self.size
        if self.way == "offset":
            return int(query["query"].split()[5]) - 1
        if self.way == "total":
            return int(query["startIndex"]) - 1
        cursor = query.get("cursor", "")
        if self.way == "starting_after":
            cursor = orjson.loads(body)["pagination"].get("starting_after", "")
        return int(cursor.removeprefix("c") or 0)

    def _page(self, found: list[str], following: int | None, base: str) -> tuple[dict[str, str], Any]:
        data = [{"id": name} for name in found]
        url = f"{base}/list?cursor=c{following}"
        if self.way == "link":
            last = f'<{base}/list>; rel="self"'
            return {"link": f'{last}, <{url}>; rel="next"' if following is not None else last}, data
        if self.way == "next":  # Zendesk gives a next link also on the last page
            return {}, {"data": data, "links": {"next": url}, "meta": {"has_more": following is not None}}
        if self.way == "odata":
            more = {"@odata.nextLink": url} if following is not None else {}
            return {}, {"value": data, **more}
        if self.way == "cursor":
            return {}, {
                "data": data,
                "response_metadata": {"next_cursor": f"c{following}" if following is not None else ""},
            }
        if self.way == "starting_after":
            after = {"next": {"starting_after": f"c{following}"}} if following is not None else {}
            return {}, {"data": data, "pages": after}
        total = {"total": len(self.items)} if self.way == "total" else {}
        return {}, {"data": data, **total}
