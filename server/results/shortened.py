"""A JSON value that is too long for its place, shortened to a smaller value and not to a part of its text."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from server.results.json_value import line_of


def shortened(value: JsonValue, room: int) -> JsonValue:
    """The value, or what of it has at most `room` characters as JSON: first entries of lists, of objects what fits.

    A text ends in `…` where it is cut. Where there is room for nothing, it is `null`, which has four characters.
    """
    if _size(value) <= room:
        return value
    if isinstance(value, str):
        return _text(value, room)
    if isinstance(value, Mapping):
        return _entries(value, room)
    return _items(value, room) if isinstance(value, Sequence) and room >= 2 else None


def _items(items: Iterable[JsonValue], room: int) -> list[JsonValue]:
    """The first items, and of the next one what there is room for if it is the only one."""
    kept: list[JsonValue] = []
    left = room - 2
    for item in items:
        size = _size(item) + bool(kept)
        if size > left:
            part = shortened(item, left) if not kept else None
            return kept if part is None else [part]
        kept.append(item)
        left -= size
    return kept


def _entries(entries: Mapping[str, JsonValue], room: int) -> dict[str, JsonValue] | None:
    """Whole entries, and one of which there is a part; in their order."""
    kept: dict[str, JsonValue] = {}
    left, is_cut = room - 2, False
    for key, value in entries.items():
        name = _size(key) + 1 + bool(kept)
        size = name + _size(value)
        if size <= left:
            kept[key] = value
        elif not is_cut and (part := shortened(value, left - name)) is not None:
            kept[key], is_cut = part, True
            size = name + _size(part)
        else:
            continue
        left -= size
    return kept if room >= 2 else None


def _text(text: str, room: int) -> str | None:
    """The beginning of a text; a character that JSON escapes takes more room than one."""
    if room < 3:
        return None
    cut = text[: room - 3]
    while _size(f"{cut}…") > room:
        cut = cut[: len(cut) - max(1, len(cut) // 8)]
    return f"{cut}…"


def _size(value: JsonValue) -> int:
    return len(line_of(value))
