"""`TODO`: what only a person can say of a contract. An importer writes it, and `contract check` refuses it."""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue

TODO: Final = "TODO"
"""A text that begins with this word is still to do; `contract check` refuses it."""


def todos(content: JsonValue, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where something is still to do, and what."""
    if isinstance(content, str) and content.startswith(TODO):
        yield path, content.removeprefix(TODO).strip()
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from todos(value, (*path, str(key)))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from todos(value, (*path, str(index)))
