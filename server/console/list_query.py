"""The query of a list: its filters as they stand in the address, as chips, and as the links to the pages beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from contracts.errors import AilyusError
from contracts.schema.fields import milliseconds
from receipts.audit import vocabulary
from server.console.visit import ConsoleRequest

PLACES: Final = ("before", "after")
"""Where a page begins: no filter."""
MAX_OPTIONS: Final = 100
"""Names that a select offers; another one is still found by its name in the address."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What was asked of a list, by the names of its filters; an empty text asks nothing."""

    path: str
    asked: Mapping[str, str]
    before: str = ""
    after: str = ""

    @classmethod
    def of(cls, visit: ConsoleRequest, path: str, names: Sequence[str]) -> "ListQuery":
        """From the address of a page."""
        return cls(path, {n: visit.asked(n) for n in names}, *(visit.asked(place) for place in PLACES))

    def url(self, **other: str) -> str:
        """The same list with other filters, or from another place."""
        given = {name: value for name, value in {**self.asked, **other}.items() if value}
        return self.path + (f"?{urlencode(given)}" if given else "")

    @property
    def chips(self) -> list[dict[str, str]]:
        """Each filter, with the list without it."""
        return [
            {"words": f"{name.replace('_', ' ')}: {value}", "to": self.url(**{name: ""})}
            for name, value in self.asked.items()
            if value
        ]

    def links(self, older: object, newer: object) -> dict[str, str]:
        """The pages beside this one; an empty text where there is none."""
        return {
            "older": self.url(before=str(older)) if older is not None else "",
            "newer": self.url(after=str(newer)) if newer is not None else "",
            "newest": self.url() if self.before or self.after else "",
        }

    def place(self) -> tuple[int | None, int | None]:
        """Where the page begins, in the log."""
        try:
            return int(self.before) if self.before else None, int(self.after) if self.after else None
        except ValueError:
            raise AilyusError("bad_form", "a place in the log is a number", hint="go back to the list") from None


def instant(text: str, now_ms: int) -> int:
    """An instant: so long ago (`12h`), or a date and a time in UTC (`2026-11-30 22:00`). 0 for an empty text."""
    if not text:
        return 0
    try:
        return now_ms - milliseconds(text)
    except ValueError:
        pass
    try:
        told = datetime.fromisoformat(text)
        return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        hint = "for example 12h, 2026-11-30 or 2026-11-30 22:00 (UTC)"
        raise AilyusError("bad_form", f"`{text}` is no time", hint=hint) from None


def options(known: Sequence[str], chosen: str) -> list[str]:
    """What a select offers; what is chosen is among it."""
    some = list(known[:MAX_OPTIONS])
    return some if not chosen or chosen in some else [chosen, *some]


def choices(known: Mapping[str, Sequence[str]], asked: Mapping[str, str]) -> dict[str, list[str]]:
    """What each select offers. Raises `AilyusError` with the nearest name where nobody ever had the one asked for."""
    for name, names in known.items():
        if asked[name]:
            code = "unknown_agent" if name == "agent" else "not_found"
            vocabulary.require(name, asked[name], names, code=code)
    return {name: options(names, asked[name]) for name, names in known.items()}
