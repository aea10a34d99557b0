"""What every twin shares: a request, an answer, and a router by method and path."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
"""The twins play vendors' JSON, whose shape is the vendor's: this is the one place without types for it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a twin, body already decoded; `writer` tells which credential came with it.

    `org` is the state of every system of the org, for twins that call each other. `base` is the URL of this twin, for
    links to the next page.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    writer: bool
    org: Json = None
    base: str = ""


@dataclass(frozen=True, slots=True)
class TwinResponse:
    """A status, a JSON body (None for no body) and extra headers."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., TwinResponse]


class Router:
    """Routes such as `("POST", "/api/v1/users/{user}/lifecycle/unlock")` to methods of a twin."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self.paths: list[tuple[str, str]] = []
        """Method and path of each route, as they were registered."""

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Register a handler."""
        parts = re.split(r"\{(\w+)\}", path)  # the odd ones are names
        pattern = re.compile("".join(f"(?P<{p}>[^/]+)" if n % 2 else re.escape(p) for n, p in enumerate(parts)))

        def register(handler: Handler) -> Handler:
            self.paths.append((method, path))
            self._routes.append((method, pattern, handler))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Handler, Mapping[str, str]] | None:
        """The handler and its path parameters."""
        for known, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match and known == method:
                return handler, match.groupdict()
        return None
