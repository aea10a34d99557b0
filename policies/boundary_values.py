"""The boundary values of what policies read: for each attribute, the values at which one of their literals turns.

Every attribute of a type takes all literals of that type that the policies hold, so that a sum or an `if` hides none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Final
from zoneinfo import ZoneInfo

from cedarpy import pst
from pydantic import JsonValue

from contracts.compiler.program import Program
from policies.case_situation import PLAIN_TEXT
from policies.cedar_expression import walk
from policies.folding import attribute

Key = tuple[str, ...]
"""Where a value stands in a case, such as `("resource", "attributes", "vip")`."""
Values = Mapping[Key, JsonValue]

MAX_LITERALS: Final = 6
"""Literals of one type that are looked at in one set of policies."""
_PERSON: Final = ("team", "manager", "region", "employment", "subject", "name")
_DURATION: Final = re.compile(r"([0-9]+(d|h|m|s|ms))+")
_NOT_SET: Final = "\0"
"""An input that is left out."""
_NUMBERS: Final[Mapping[Key, Key]] = {
    ("repeat",): ("repeat",),
    ("plan", "size"): ("plan_size",),
    ("plan", "wave"): ("wave",),
    ("rate", "lastHour"): ("rate", "last_hour"),
    ("rate", "lastDay"): ("rate", "last_day"),
    ("rate", "spentLastDay"): ("rate", "spent_last_day"),
    ("rate", "spends"): ("rate", "spends"),
}
_FLAGS: Final[Mapping[Key, Key]] = {
    ("env", "changeFreeze"): ("change_freeze",),
    ("env", "incident"): ("incident",),
    ("resourceOpenIncident",): ("open_incident",),
    ("origin", "trusted"): ("origin_trusted",),
    ("request", "verified"): ("request", "verified"),
    ("request", "requesterIsSubject"): ("request", "requesterIsSubject"),
}


@dataclass(slots=True)
class _Read:
    """What policies read, and the literals that they hold."""

    paths: set[pst.Expr] = field(default_factory=set)
    longs: set[int] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    entities: set[pst.EntityUid] = field(default_factory=set)

    @classmethod
    def of(cls, policies: Iterable[pst.Template]) -> "_Read":
        found = cls()
        for policy in policies:
            found.entities |= pst.entity_uids(policy)
            for node in (node for clause in policy.clauses for node in walk(clause.expr)):
                match node:
                    case pst.GetAttr():
                        found.paths.add(node)
                    case pst.HasAttr(base=base, attrs=names):
                        found.paths.add(pst.GetAttr(base, names[0]))
                    case pst.LongLit(value=value):
                        found.longs.add(value)
                    case pst.StringLit(value=text):
                        found.texts.add(text)
                    case pst.Like(pattern=pattern):
                        found.texts.add("".join(p.value for p in pattern if isinstance(p, pst.Char)))
        return found

    def numbers(self) -> list[JsonValue]:
        # off by one is the mistake that people make
        near = {n + d for n in sorted(self.longs)[:MAX_LITERALS] for d in (-1, 0, 1)}
        return [*sorted(n for n in near if 0 <= n < 2**63)]

    def strings(self) -> list[JsonValue]:
        return [text for text in sorted(self.texts)[:MAX_LITERALS] if text]

    def named(self, kind: str) -> list[JsonValue]:
        return [*sorted(uid.id for uid in self.entities if str(uid.type) == kind)[:MAX_LITERALS]]


def boundary_values(
    policies: Sequence[pst.Template], program: Program, zones: Sequence[str] = ("UTC",)
) -> dict[Key, list[JsonValue]]:
    """The values of each thing that these policies read, beside the plain one that a case has without it.

    `zones` are the time zones by whose clocks they are read.
    """
    read = _Read.of(policies)
    found: dict[Key, list[JsonValue]] = {}
    for path, key in _NUMBERS.items():
        if attribute("context", *path) in read.paths:
            found[key] = read.numbers()
    for read_path in read.paths:
        if isinstance(read_path, pst.GetAttr) and read_path.base == attribute("context", "budget"):
            found["budget", read_path.attr] = read.numbers()
    for path, key in _FLAGS.items():
        if attribute("context", *path) in read.paths and (path[0] != "request" or program.asked):
            found[key] = [False, True]
    for one in program.attributes:
        if attribute("resource", one.name) in read.paths:
            found["resource", "attributes", one.name] = _of_attribute(one.type, read)
    for name, field_ in program.contract.inputs.items():
        if attribute("context", "params", name) in read.paths:
            values = _of_input(field_.type, read) if not field_.enum else [*field_.enum[:MAX_LITERALS]]
            found["params", name] = [*values, *([_NOT_SET] if field_.optional else [])]
    if attribute("context", "session", "saw") in read.paths:
        found["saw",] = [[one] for one in read.strings()]
    if times := [*_instants(read), *_local_times(read, zones)]:
        found["now",] = [*dict.fromkeys(times)]
    found |= person_values(policies, (("principal",), ("context", "person")), "person")
    for key, kind in ((("agent", "name"), "Agent"), (("person", "name"), "Person"), (("resource", "id"), "")):
        found[key] = [*dict.fromkeys([*found.get(key, ()), *read.named(kind or program.resource_type)])]
    return {key: values for key, values in found.items() if values}


def person_values(
    policies: Iterable[pst.Template], places: Iterable[tuple[pst.VarName, *tuple[str, ...]]], who: str
) -> dict[Key, list[JsonValue]]:
    """The values of what policies read of a person at these places, such as `context.requester`."""
    read = _Read.of(policies)
    found: dict[Key, list[JsonValue]] = {}
    for variable, *path in places:
        for name in _PERSON:
            if attribute(variable, *path, name) in read.paths:
                # the plain text of a record and of another person, too: policies ask whether two are the same
                found[who, name] = [*read.strings(), PLAIN_TEXT]
        if attribute(variable, *path, "onCall") in read.paths:
            found[who, "on_call"] = [False, True]
    return found


def reads_tenant(policies: Iterable[pst.Template]) -> bool:
    """Do these policies look at whose the resource or the principal is?"""
    paths = _Read.of(policies).paths
    return bool({attribute("principal", "tenant"), attribute("resource", "tenant")} & paths)


def combinations(values: Mapping[Key, Sequence[JsonValue]], most: int) -> tuple[list[Values], bool]:
    """Every combination of values, the plain one of each included; where they are too many, each pair of two.

    The second says whether that is all of them.
    """
    sides = [[{}, *({key: value} for value in some)] for key, some in values.items()]
    total = 1
    for side in sides:
        total *= len(side)
    if total <= most:
        return [_joined(parts) for parts in product(*sides)], True
    # pairs find what two conditions do together, which is most of what goes wrong
    pairs = (_joined((a, b)) for i, one in enumerate(sides) for two in sides[i + 1 :] for a in one for b in two)
    return [{}, *islice((pair for pair in pairs if pair), most)], False


def without_unset(values: Values) -> Values:
    """The values without those that say that an input is left out."""
    return {key: value for key, value in values.items() if value != _NOT_SET}


def _joined(parts: Iterable[Values]) -> Values:
    return {key: value for part in parts for key, value in part.items()}


def _of_attribute(kind: str, read: _Read) -> list[JsonValue]:
    match kind:
        case "Bool":
            return [False, True]
        case "Long":
            return read.numbers()
        case "String":
            return read.strings()
        case "SetOfString":
            some = read.strings()
            return [*([one] for one in some), *([list(some)] if len(some) > 1 else [])]
        case _:
            amounts = [float(text) for text in sorted(read.texts) if _is_amount(text)][:MAX_LITERALS]
            return [round(amount + step, 4) for amount in amounts for step in (-0.0001, 0.0, 0.0001)]


def _of_input(kind: str, read: _Read) -> list[JsonValue]:
    match kind:
        case "boolean":
            return [False, True]
        case "integer":
            return read.numbers()
        case "array":
            return [[one] for one in read.strings()]
        case _:
            return read.strings()


def _is_amount(text: str) -> bool:
    whole, _, part = text.removeprefix("-").partition(".")
    return whole.isdigit() and part.isdigit()


def _local_times(read: _Read, zones: Iterable[str]) -> list[JsonValue]:
    """Times around each `duration` since midnight, on each day of the week that is asked for, by these clocks."""
    by_day, by_clock = (attribute("context", "env", name) in read.paths for name in ("weekday", "localTime"))
    if not by_day and not by_clock:
        return []
    days = [n for n in range(1, 8) if not by_day or n in read.numbers()][: 7 if by_day else 1]
    turns = [_duration(text) for text in sorted(read.texts) if _DURATION.fullmatch(text)][:MAX_LITERALS]
    steps = [turn + timedelta(seconds=step) for turn in turns for step in (-1, 0, 1)] if by_clock else []
    clocks = [one for one in steps if timedelta() <= one < timedelta(days=1)] or [timedelta(hours=12)]
    # the 5th was a Monday; adding to a local time moves its clock's hands
    local = (
        datetime(2026, 1, 4 + day, tzinfo=ZoneInfo(zone)) + clock for zone, day, clock in product(zones, days, clocks)
    )
    return [*dict.fromkeys(one.astimezone(UTC).isoformat() for one in local)]


def _instants(read: _Read) -> list[JsonValue]:
    """The times around each `datetime`, and those of one day around each `duration` of at most a day."""
    if attribute("context", "env", "now") not in read.paths:
        return []
    found: set[datetime] = set()
    for text in read.texts:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            # a time of day: any day will do
            moment = datetime(2026, 1, 5, tzinfo=UTC) + _duration(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        found |= {moment + timedelta(seconds=step) for step in (-1, 0, 1)}
    return [one.isoformat() for one in sorted(found)]


def _duration(text: str) -> timedelta:
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    total, number = timedelta(), ""
    for sign in text.replace("ms", ""):
        if sign.isdigit():
            number += sign
        elif sign in units and number:
            total, number = total + timedelta(**{units[sign]: int(number)}), ""
    return total
