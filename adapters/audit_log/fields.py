"""The fields of an audit event as JSON has them: behind a path, as names, as an instant."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue


def field_at(value: JsonValue, path: str) -> JsonValue:
    """What stands behind the keys of a path such as `actor.id`; None where they lead nowhere."""
    for key in path.split(".") if path else ():
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def names(*values: JsonValue) -> tuple[str, ...]:
    """Texts and whole numbers as texts, each once; a list gives its items, and anything else nothing."""
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    said = [str(item) for item in flat if isinstance(item, str | int) and not isinstance(item, bool) and item != ""]
    return tuple(dict.fromkeys(said))


def instant_ms(value: JsonValue) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 time, of seconds or of milliseconds; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):  # seconds until the year 5138, milliseconds from 1973 on
        return int(value if abs(value) >= 1e11 else value * 1000)
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # a time without its offset could be any of 26 hours
    return int(read.timestamp() * 1000) if read is not None and read.tzinfo is not None else None
