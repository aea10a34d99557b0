"""Charts as plain numbers: where each bar stands, and the table of the same numbers behind it.

A template draws them as SVG with attributes alone, so that the page needs neither style nor script of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 120
_FOOT: Final = 16
"""Height of the line of labels below."""
_ROW: Final = 22
"""Height of one row of a chart of bars."""
_LABELS: Final = 130
"""Width of the names before the bars of rows."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart, in its units; `title` says its number."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """One word of a chart; `anchor` is where it begins, `start`, `middle` or `end`."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that is drawn, and the table behind it."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: tuple[tuple[str, str], ...] = ()
    """What each kind of bar means: its name of a colour, and its words."""


def columns(
    names: Sequence[str], counts: Sequence[Mapping[str, int]], kinds: Sequence[tuple[str, str]], first: str
) -> Chart:
    """Stacked columns: one for each name, with a part for each kind. `first` heads the column of names."""
    most = max([1, *(sum(one.values()) for one in counts)])
    step, room = WIDTH / max(1, len(names)), HEIGHT - _FOOT
    bars: list[Bar] = []
    for place, (name, one) in enumerate(zip(names, counts, strict=True)):
        top = float(room)
        for kind, words in kinds:
            number = one.get(kind, 0)
            if number:
                tall = number / most * (room - 4)
                top -= tall
                bars.append(
                    Bar(_r(place * step + 1), _r(top), _r(step - 2), _r(tall), kind, f"{name}: {number} {words}")
                )
    labels = (Label(0, HEIGHT - 3, names[0]), Label(WIDTH, HEIGHT - 3, names[-1], "end")) if names else ()
    table = tuple(
        (name, *(str(one.get(kind, 0)) for kind, _ in kinds)) for name, one in zip(names, counts, strict=True)
    )
    head = (first, *(words for _, words in kinds))
    return Chart(WIDTH, HEIGHT, tuple(bars), labels, head, table, tuple(kinds))


def rows(values: Sequence[tuple[str, float, str]], head: tuple[str, str], kind: str = "plain") -> Chart:
    """One bar for each name, with its number said behind it: name, number, number in words."""
    most = max([number for _, number, _ in values], default=0) or 1
    # the numbers stand behind the bars, about 6 units a letter
    room = WIDTH - _LABELS - 8 - 6 * max([len(words) for _, _, words in values], default=0)
    bars: list[Bar] = []
    labels: list[Label] = []
    for place, (name, number, words) in enumerate(values):
        middle, long = place * _ROW + 15, number / most * room
        if number:
            bars.append(Bar(_LABELS, place * _ROW + 4, _r(max(1.0, long)), _ROW - 8, kind, f"{name}: {words}"))
        labels.append(Label(0, middle, name if len(name) <= 22 else f"{name[:21]}…"))
        labels.append(Label(_r(_LABELS + long + 4), middle, words))
    table = tuple((name, words) for name, _, words in values)
    return Chart(WIDTH, max(1, len(values)) * _ROW, tuple(bars), tuple(labels), head, table, ())


def percentile(values: Sequence[float], part: float) -> float:
    """The value that so large a part of the values does not pass (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * part * 100) // 100) - 1))]


def _r(number: float) -> float:
    return round(number, 1)
