"""The compiled rule by which the pages of one read are followed to their end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.compiler.expressions import CelType, Names
from contracts.errors import AilyusError
from contracts.schema.pages import Pages, keys_of

PageWay = Literal["link", "next", "cursor", "number", "offset"]
_TYPES: Mapping[str, CelType] = {"page.cursor": "string", "page.number": "int", "page.offset": "int"}


@dataclass(frozen=True, slots=True)
class PageRule:
    """Where the next page is, where the list is, and how its end is known. `where` are the keys of URL or cursor."""

    way: PageWay
    relation: str
    where: tuple[str, ...]
    start: int
    items: tuple[str, ...]
    more: tuple[str, ...] | None
    total: tuple[str, ...] | None
    id: str | None
    at_most: int
    steady: bool

    @property
    def first(self) -> Mapping[str, object]:
        """The names that the first page's request is rendered with."""
        return {f"page.{self.way}": self.start} if self.way in ("number", "offset") else {}


def page_rule(pages: Pages) -> PageRule:
    """The rule as the adapter follows it."""
    way = next(w for w in _WAYS if getattr(pages, w) is not None)
    where = pages.next if way == "next" else pages.cursor if way == "cursor" else None
    return PageRule(
        way=way,
        relation=pages.link or "",
        where=keys_of(where) if where is not None else (),
        start=(pages.number if way == "number" else pages.offset if way == "offset" else 0) or 0,
        items=keys_of(pages.items) if pages.items is not None else (),
        more=keys_of(pages.more) if pages.more is not None else None,
        total=keys_of(pages.total) if pages.total is not None else None,
        id=pages.id,
        at_most=pages.at_most,
        steady=pages.steady is not None,
    )


def page_names(names: Names, pages: Pages | None) -> Names:
    """The names of a read, with the one that its pages give it."""
    return Names.of({**dict(names.types), pages.sends: _TYPES[pages.sends]}) if pages and pages.sends else names


def check_sent(where: str, pages: Pages, sources: list[str]) -> None:
    """Refuse a read that would ask for its first page again and again."""
    if pages.sends and not any(pages.sends in source for source in sources):
        sentence = f"no part of the request sends `${{{pages.sends}}}`, so every page would be the first"
        hint = f"give it to the target, for example `query: {{name: '${{{pages.sends}}}'}}`"
        raise AilyusError("bad_contract", sentence, hint=hint, field=f"{where}.pages")


_WAYS: tuple[PageWay, ...] = ("link", "next", "cursor", "number", "offset")
