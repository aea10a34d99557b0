"""The curl line, taken apart into the parts of one request."""

import re
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

Pairs = list[tuple[str, str]]
HOLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|<([A-Za-z_][A-Za-z0-9_]*)>")
"""A placeholder of whoever wrote the line: `{name}` or `<name>`."""


@dataclass(slots=True)
class CurlLine:
    """One curl line, taken apart. Credentials in it are dropped: connections hold them, by reference."""

    base_url: str = ""
    method: str = ""
    path: str = ""
    query: Pairs = field(default_factory=list)
    body: JsonValue = None
    form: Pairs | None = None
    undone: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    if_match: str = ""
    credential: tuple[str, str] | None = None
    notes: list[str] = field(default_factory=list)
