"""A row of the store: the values of its columns, and how rows are read."""

from collections.abc import Callable

from contracts.errors import AilyusError

Value = str | int | bytes | None
Row = tuple[Value, ...]
Read = Callable[..., list[Row]]
"""SQL and its values in, rows out."""

# SQLite keeps a value of any type in any column, so a type is what was read and never what was declared


def blob(value: object) -> bytes:
    """A BLOB column's value; anything else means that the store was tampered with."""
    if not isinstance(value, bytes):
        raise AilyusError("store_corrupt", "a column that holds bytes holds something else")
    return value


def integer(value: object) -> int:
    """An INTEGER column's value; anything else means that the store was tampered with."""
    if not isinstance(value, int):
        raise AilyusError("store_corrupt", "a column that holds a number holds something else")
    return value
