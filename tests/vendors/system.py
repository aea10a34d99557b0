"""A system of the library: which descriptions it has, with what its contracts are tried, and what may differ."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Allowed:
    """A mismatch that is none: the vendor's description is wrong or silent, and its documentation page says so.

    `of_a_part`: it occurs where the folder holds a part of the description, and not where it holds the whole.
    """

    pattern: str
    why: str
    page: str
    of_a_part: bool = False

    def fits(self, mismatch: str) -> bool:
        return re.search(self.pattern, mismatch) is not None


def _as_sent(status: int, body: bytes) -> int:
    return status


@dataclass(frozen=True)
class System:
    """`kind` is the contracts' target and the twin's name; `files` are its descriptions, the first that fits counts;
    where its vendor publishes none, its contracts are only tried on its twin.

    `examples` are inputs of each contract, of records that the twin's first state holds and with which a write
    succeeds. `headers` are those that its connection sends with each request. `as_status` gives the status under which
    the description has an answer, where that is another than the one that is sent (Slack says no with 200).
    `scoped`: the description says which OAuth scopes an operation takes, so the recipe's are compared with them.
    `plans` are inputs of the plans that read it, as far as their reads need them.
    `in_base_url` is the part of the described paths that stands in a connection's `base_url`, not in the contracts.
    """

    kind: str
    files: tuple[str, ...]
    examples: Mapping[str, Mapping[str, Any]]
    allowed: tuple[Allowed, ...] = field(default=())
    headers: Mapping[str, str] = field(default_factory=dict)
    as_status: Callable[[int, bytes], int] = _as_sent
    in_base_url: str = ""
    scoped: bool = False
    plans: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
