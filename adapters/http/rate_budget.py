"""The requests that targets still take, as their answers tell it (RFC 9110 section 10.2.3, and vendors' headers).

Kept in memory, for one release: another process learns it from its own answers. What is not declared in `_system.yaml`
is not looked at, and what cannot be read counts as room: the target itself refuses what is too much.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from contracts.schema.rate_headers import RateHeaders

LONGEST_SECONDS = 86_400.0
"""No limit counts as used up for longer than a day, whatever a header says."""
_ASKS_TO_WAIT = (429, 503)


@dataclass(frozen=True, slots=True)
class RateKey:
    """What shares one limit: a credential at a connection, for a person where each has their own; perhaps one path."""

    connection: str
    reference: str
    person: str
    header: str
    path: str


@dataclass(frozen=True, slots=True)
class _Left:
    remaining: int
    until: float


class RateBudgets:
    """What is left at each limit. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._left: dict[RateKey, _Left] = {}

    def note(self, keys: Iterable[tuple[RateHeaders, RateKey]], status: int, headers: Mapping[str, str]) -> None:
        """Take in what an answer says."""
        date = headers.get("date")
        waits = retry_after_seconds(headers) if status in _ASKS_TO_WAIT else None
        for rule, key in keys:
            remaining = _number(headers.get(rule.remaining.lower()))
            reset = _number(headers.get(rule.reset.lower())) if rule.reset else None
            if reset is not None and rule.reset_is == "epoch":
                reset -= _seconds_of(date)
            seconds = rule.window / 1000 if reset is None else max(0.0, reset)
            if waits is not None:
                remaining, seconds = 0, max(waits, seconds if remaining == 0 else 0.0)
            if remaining is not None:
                self._left[key] = _Left(int(remaining), time.monotonic() + min(seconds, LONGEST_SECONDS))

    def wait_seconds(self, keys: Iterable[tuple[RateHeaders, RateKey]]) -> float:
        """For how long these limits take not so many requests more, one for each time that a key is named."""
        now, waits = time.monotonic(), [0.0]
        for key, need in Counter(key for _, key in keys).items():
            left = self._left.get(key)
            if left is not None and left.until <= now:
                del self._left[key]
            elif left is not None and left.remaining < need:  # guard: a limit that is used up
                waits.append(left.until - now)
        return max(waits)


def read_keys(read: Read, target: Target, person: str) -> list[tuple[RateHeaders, RateKey]]:
    """The limits that one read takes from."""
    return _keys(read.rates, target, target.read, person, read.path.source)


def write_keys(route: HttpProgram, target: Target, person: str) -> list[tuple[RateHeaders, RateKey]]:
    """The limits that one write takes from."""
    return _keys(route.rates, target, target.write, person, route.path.source)


def action_keys(program: Program, route: HttpProgram, target: Target, person: str) -> list[tuple[RateHeaders, RateKey]]:
    """The limits that a write and its read-back take from."""
    reads = [r for r in program.reads if isinstance(r, Read) and r.target == target.kind]
    return write_keys(route, target, person) + [key for read in reads for key in read_keys(read, target, person)]


def _keys(
    rates: Iterable[RateHeaders], target: Target, reference: str, person: str, path: str
) -> list[tuple[RateHeaders, RateKey]]:
    own = person if "{person}" in reference else ""
    return [
        (rule, RateKey(target.name, reference, own, rule.remaining.lower(), path if rule.per == "path" else ""))
        for rule in rates
    ]


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the target asks us to wait: seconds, or a date (RFC 9110 section 10.2.3); None where it does not."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - _seconds_of(headers.get("date")))


def _seconds_of(date: str | None) -> float:
    """The target's own time, since its clock and ours differ; ours where it gives none."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return time.time()


def _number(value: str | None) -> float | None:
    """A whole number of a header, perhaps the first of several."""
    first = (value or "").split(",")[0].strip()
    return float(first) if first.isascii() and first.isdigit() and len(first) < 16 else None
