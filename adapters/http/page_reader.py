"""The reader of a list that comes in pages: page after page, before one deadline, and twice where it may have changed.

A read of several pages is no snapshot. While somebody removes an item of a page that was read, the first item of the
next page moves onto it and is passed over. So such a list is read twice, and is whole only where both readings found
the same items in the same order: an item of the first reading that was removed in between is not in the second one,
and without a removal nothing moves forward. A contract whose cursors name a place in the list says so (`steady`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from adapters.decoding import Undecodable, decode
from adapters.http.answer import MAX_ANSWER, reading_of
from adapters.http.page_list import NextPage, PageList
from contracts.action.http_request import HttpRequest, render_read
from contracts.action.observation import Reading, ReadOutage, outage_of
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.page_rule import PageRule
from contracts.compiler.read_program import Read

_CHANGED = "two readings of it found other items"
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads the pages of one read of one target. `ask` sends one request, with the read credential."""

    read: Read
    rule: PageRule
    target: Target
    scope: Mapping[str, object]
    ask: Callable[[HttpRequest], Awaitable[Answer]]
    now_ms: Callable[[], int]

    async def reading(self) -> Reading | Fault:
        """The whole list as one reading; not `whole` where it cannot be told that it is."""
        first = await self._once()
        if isinstance(first, Fault) or first.list is None or first.list.fault is not None:
            return first if isinstance(first, Fault) else first.reading
        if first.list.pages == 1 or self.rule.steady:
            return first.reading
        second = await self._once()
        # guard: a list that changes between its pages
        agree = not isinstance(second, Fault) and second.list is not None and first.list.agrees(second.list)
        if isinstance(second, Fault):
            return second
        return second.reading if agree else replace(second.reading, whole=False, why_cut=_CHANGED)

    async def _once(self) -> "_Pages | Fault":
        """All pages, one after another. An outage of a later page is one of the read; anything else cuts the list."""
        http: HttpRequest | Fault = render_read(self.read, self.target.base_url, self.scope)
        if isinstance(http, Fault):
            return http
        status, headers, raw = await self.ask(http)
        reading = reading_of(self.read, self.target.name, status, headers, raw, self.now_ms())
        if isinstance(reading, Fault) or reading.status == 404:
            return reading if isinstance(reading, Fault) else _Pages(reading, None)
        pages, value, parts, size = PageList(self.rule, self.target.base_url, http.url), reading.value, [raw], len(raw)
        while following := pages.add(headers, value):
            asked = self._request(http, following)
            if isinstance(asked, Fault):
                return asked
            status, headers, raw = await self.ask(asked)
            if status in (429, 503) and self.read.rates and "retry-after" in headers:  # the next one waits for as long
                status, headers, raw = await self.ask(asked)
            if outage := outage_of(status):
                sentence = f"`{self.read.name}` could not be read: page {pages.pages + 1} was answered {status}"
                return ReadOutage(sentence, outage, self.target.name)
            if not 200 <= status < 300:  # guard: a page that is missing
                pages.broken(f"page {pages.pages + 1} was answered {status}")
                break
            size += len(raw)
            if size > MAX_ANSWER:
                pages.broken(f"its pages are larger than {MAX_ANSWER // 1024 // 1024} MiB together")
                break
            try:
                value = decode(raw, self.read.decode, self.read.lists)
            except Undecodable:
                sentence = f"`{self.read.name}` could not be read: page {pages.pages + 1} cannot be decoded"
                return ReadOutage(sentence, "target_failed", self.target.name)
            parts.append(raw)
        if self.read.whole is not None and not self.read.whole.holds({"body": pages.value}):
            pages.broken("`whole` does not hold of it")
        joined = replace(
            reading,
            value=pages.value,
            raw=b"\n".join(parts),
            at_ms=self.now_ms(),
            whole=pages.fault is None,
            why_cut=pages.fault or "",
        )
        return _Pages(joined, pages)

    def _request(self, first: HttpRequest, following: NextPage) -> HttpRequest | Fault:
        if following.url:
            return HttpRequest("GET", following.url, first.headers, b"")
        return render_read(self.read, self.target.base_url, {**self.scope, following.name: following.value})


@dataclass(frozen=True, slots=True)
class _Pages:
    """One reading of all pages; no list where the record does not exist."""

    reading: Reading
    list: PageList | None
