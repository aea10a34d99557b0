"""The filters of the console's templates: how a time, a number and a sentence of ours are written on a page."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson
from markupsafe import Markup, escape

from contracts.text.visible_text import visible
from server.console.yaml_pieces import yaml_lines
from server.results.timestamp import iso

_SOON_S, _MINUTES_S, _HOURS_S, _DAYS_S = 45, 90 * 60, 36 * 3600, 45 * 86_400
"""Below each a time is said in moments, minutes, hours and days; above, as a date. `console.js` has the same."""


def ago(at_ms: int, clock_ms: int) -> str:
    """How long ago, or in how long: `5 min ago`, `in 3 h`, `2026-09-03`."""
    seconds = abs(clock_ms - at_ms) // 1000
    if seconds < _SOON_S:
        return "just now" if at_ms <= clock_ms else "in a moment"
    if seconds >= _DAYS_S:
        return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d")
    if seconds < _MINUTES_S:
        said = f"{round(seconds / 60) or 1} min"
    elif seconds < _HOURS_S:
        said = f"{round(seconds / 3600)} h"
    else:
        said = counted(round(seconds / 86_400), "day")
    return f"{said} ago" if at_ms <= clock_ms else f"in {said}"


def exact(at_ms: int) -> str:
    """The instant in UTC, to the second, for a title."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasted(ms: float) -> str:
    """A duration: `340 ms`, `2.5 s`, `4 min`, `3 h`, `2 days`."""
    if ms < 1000:
        return f"{round(ms)} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s".replace(".0 s", " s")
    if ms < _MINUTES_S * 1000:
        return f"{round(ms / 60_000)} min"
    return f"{round(ms / 3_600_000)} h" if ms < _HOURS_S * 1000 else counted(round(ms / 86_400_000), "day")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 action`, `2 actions`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def ticked(sentence: object) -> Markup:
    """A sentence of ours as HTML: what stands between backticks is code, and everything is escaped.

    For no value that is signed or that somebody else wrote: its own backticks are part of it.
    """
    *parts, last = visible(str(sentence)).split("`")
    out = Markup("")
    for number, part in enumerate(parts):
        # guard: names in sentences are escaped
        out += Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
    # a backtick that has no other stays as it is
    return out + (Markup("`") + escape(last) if len(parts) % 2 else escape(last))


def _json(value: object) -> str:
    return orjson.dumps(value, default=list).decode()


FILTERS: Mapping[str, Callable[..., object]] = {
    "visible": lambda value: visible(str(value)),
    "iso": lambda value: iso(int(str(value))),
    "ago": ago,
    "exact": exact,
    "lasted": lasted,
    "counted": counted,
    "ticked": ticked,
    "json": _json,
    "yaml": yaml_lines,
}
"""Every filter by its name in a template."""
