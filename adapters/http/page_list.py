"""The list that comes in pages: each page is added, and tells where the next is, or why the list is not whole. Pure.

A list is whole only where nothing speaks against it: every page holds a list, no item comes twice, no page leads back,
the total that the target gives stays the same and is reached, and the bounds are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2
import orjson
from pydantic import JsonValue

from adapters.http.page_signs import is_page
from contracts.action.http_request import same_place
from contracts.canonical import sha256
from contracts.compiler.page_rule import PageRule

MAX_ITEMS: Final = 50_000
"""Items of all pages of one list."""
_MAX_URL: Final = 8000
"""Characters of the address of a next page, and of a cursor."""
_FLAGS: Mapping[object, bool] = {"true": True, "false": False}
"""Truth as XML has it."""


@dataclass(frozen=True, slots=True)
class NextPage:
    """Where the next page is: a URL, or the value that the read sends under this name."""

    url: str = ""
    name: str = ""
    value: str | int = ""


@dataclass(slots=True)
class PageList:
    """The pages of one read, one after another. `fault` is why it is not whole; None while nothing says so."""

    rule: PageRule
    base_url: str
    url: str
    items: list[JsonValue] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    fault: str | None = None
    pages: int = 0
    last: JsonValue = None
    _seen: set[str] = field(default_factory=set)
    _ways: set[NextPage] = field(default_factory=set)
    _total: int | None = None

    def add(self, headers: Mapping[str, str], value: JsonValue) -> NextPage | None:
        """Take one page. Returns where the next one is; None at the end, or where the list cannot be whole."""
        self.pages += 1
        self.last = value
        found = value_at(value, self.rule.items)
        if not isinstance(found, list):
            return self.broken(f"page {self.pages} holds no list where its items should be")
        if not self._take(found) or not self._counts(value):
            return None
        following = self._following(headers, value, len(found))
        if following is not None and following in self._ways:  # guard: pages that lead back
            return self.broken(f"page {self.pages} leads back to a page that was read")
        if following is not None and self.pages >= self.rule.at_most:
            return self.broken(f"it has more than {self.rule.at_most} pages")
        if following is not None:
            self._ways.add(following)
        elif self.fault is None:
            self._end(headers)
        return following

    def broken(self, why: str) -> NextPage | None:
        """It is not whole, and nothing that is read later makes it so: there is no next page."""
        self.fault = self.fault or why
        return None

    def agrees(self, other: "PageList") -> bool:
        """Did both readings find the same items in the same order?"""
        return self.identities == other.identities

    @property
    def value(self) -> JsonValue:
        """The answer as one page would have given it: the last page, with the items of all."""
        return _with(self.last, self.rule.items, list(self.items))

    def _take(self, found: list[JsonValue]) -> bool:
        new: list[str] = []
        for item in found:
            named = item.get(self.rule.id) if self.rule.id and isinstance(item, dict) else None
            if self.rule.id and not (isinstance(named, str | int) and named != ""):
                self.broken(f"an item of page {self.pages} has no `{self.rule.id}`")
                return False
            new.append(sha256(orjson.dumps(named if self.rule.id else item, option=orjson.OPT_SORT_KEYS)))
        twice = len(set(new)) < len(new) if self.rule.id else False
        if twice or not self._seen.isdisjoint(new):  # guard: an item on two pages
            self.broken(f"an item of page {self.pages} stands there twice, or on a page before")
            return False
        self._seen.update(new)
        self.identities += new
        self.items += found
        if len(self.items) > MAX_ITEMS:
            self.broken(f"it has more than {MAX_ITEMS} items")
        return self.fault is None

    def _counts(self, value: JsonValue) -> bool:
        """Is the total there, and the same as on the pages before?"""
        if self.rule.total is None:
            return True
        total = value_at(value, self.rule.total)
        if isinstance(total, str) and total.isdecimal() and len(total) < 12:
            total = int(total)
        if isinstance(total, bool) or not isinstance(total, int):
            self.broken(f"page {self.pages} does not say how many items there are")
        elif self._total is not None and total != self._total:  # guard: a total that changes
            self.broken(f"page {self.pages} says that there are {total} items, and a page before said {self._total}")
        else:
            self._total = total
        return self.fault is None

    def _following(self, headers: Mapping[str, str], value: JsonValue, size: int) -> NextPage | None:
        """Where the next page is, by the rule; None at the end."""
        rule = self.rule
        more = value_at(value, rule.more) if rule.more is not None else None
        more = _FLAGS.get(more, more) if isinstance(more, str) else more
        if rule.more is not None and not isinstance(more, bool):
            return self.broken(f"page {self.pages} does not say whether there is more")
        if more is False:
            return None
        if rule.way in ("number", "offset"):
            ended = size == 0 or (self._total is not None and len(self.items) >= self._total)
            if ended and more:
                return self.broken(f"page {self.pages} says that there is more, and holds nothing further")
            following = rule.start + (self.pages if rule.way == "number" else len(self.items))
            return None if ended else NextPage(name=f"page.{rule.way}", value=following)
        found = _linked(headers, rule.relation) if rule.way == "link" else value_at(value, rule.where)
        if found in (None, ""):
            return self.broken(f"page {self.pages} says that there is more, and not where") if more else None
        if isinstance(found, bool) or not isinstance(found, str | int) or len(str(found)) > _MAX_URL:
            return self.broken(f"page {self.pages} does not say in a readable way where the next page is")
        if rule.way == "cursor":
            return NextPage(name="page.cursor", value=str(found))
        return self._at(str(found))

    def _at(self, found: str) -> NextPage | None:
        """The next page's URL, if it leads to the place that the connection is for."""
        url = urljoin(self.url, found.partition("#")[0]) if found.isascii() and found.isprintable() else ""
        # INVARIANT: the credential goes nowhere but to the connection's base URL and below it
        if not url or not _is_plain(url) or not same_place(url, self.base_url):  # guard: pages lead nowhere else
            return self.broken(f"page {self.pages} leads to a place that is not below the connection's base URL")
        self.url = url
        return NextPage(url=url)

    def _end(self, headers: Mapping[str, str]) -> None:
        if self._total is not None and self._total != len(self.items):
            self.broken(f"it has {len(self.items)} items, and its total says {self._total}")
        elif self.rule.more is None and is_page(headers, self.value):  # guard: a last page that is not the last
            self.broken(f"page {self.pages} says in another way that there is more")


def value_at(value: JsonValue, keys: tuple[str, ...]) -> JsonValue:
    """What stands in an answer behind these keys; None where they lead nowhere."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _with(value: JsonValue, keys: tuple[str, ...], items: list[JsonValue]) -> JsonValue:
    if not keys:
        return items
    inner = value if isinstance(value, dict) else {}
    return {**inner, keys[0]: _with(inner.get(keys[0]), keys[1:], items)}


def _linked(headers: Mapping[str, str], relation: str) -> str | None:
    """The target of the link with this relation (RFC 8288 section 3); a link may have several relations."""
    links = httpx2.Response(200, headers={"link": headers["link"]}).links if "link" in headers else {}
    return next((one.get("url") for one in links.values() if relation in (one.get("rel") or "").lower().split()), None)


def _is_plain(url: str) -> bool:
    """Is there nothing in the path that a server could read as another path?"""
    try:
        path = urlsplit(url).path
        _ = urlsplit(url).port
    except ValueError:
        return False
    lower = path.lower()
    return (
        "\\" not in url
        and "//" not in path
        and not any(
            part.replace("%2e", ".") in (".", "..") or "%2f" in part or "%5c" in part for part in lower.split("/")
        )
    )
