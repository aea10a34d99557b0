"""Policies drawn at random: well-typed conditions over everything that a request of `pay_bill` has."""

import random

_LONGS = (
    "resource.total", "context.params.cents", "context.repeat", "context.rate.lastHour", "context.rate.spends",
    "context.plan.size", "1", "7", "-3", "9223372036854775807",
)  # fmt: skip
_STRINGS = ("resource.owner", "resource.tenant", "principal.tenant", "context.params.bill", '"acme"', '"ab"')
_TIMES = (
    'context.env.now < datetime("2026-01-01")',
    'context.env.now.toTime() >= duration("9h30m")',
    'context.env.now.toDate() == datetime("1970-01-02T00:00:00+0000")',
    'context.env.now.offset(duration("1d")) > datetime("9999-12-31T23:59:59Z")',
    'context.env.now.durationSince(datetime("2026-01-01")).toDays() > -5',
    'context.env.now.durationSince(datetime("2000-01-01T12:00:00.500Z")).toHours() < 9',
)
_SETS = (
    'resource.teams.contains("ab")',
    'resource.teams.containsAll(["ab", "acme"])',
    'resource.teams.containsAny(["x", resource.owner])',
    "resource.teams.isEmpty()",
    '["ab", "x"].contains(resource.owner)',
    "context.params.lines.contains(context.repeat)",
    "[1, 2, 3].containsAll(context.params.lines)",
    "resource.teams == context.params.labels",
    'resource.teams == ["ab"]',
    "resource.teams.containsAny(context.params.labels)",
)
_FLAGS = (
    "resource.locked", "context.env.changeFreeze", "context.origin.trusted", "context.resourceOpenIncident",
    "context.guarded", "principal is Agent", "context.person == principal", 'principal in Role::"Support"',
    'resource.environment == Environment::"prod"', 'context.params.speed == PayBillSpeedValue::"fast"',
    'action in Action::"risk_at_least_medium"', 'action == Action::"pay_bill"', 'context.person in Role::"SecurityLead"',
    'principal == Person::"ann"', '[Agent::"bot", Agent::"x"].contains(Agent::"x")', "context.person.tenant == resource.tenant",
    'Person::"ann" in Role::"Support"', "resource has owner", "context has plan && context.plan.wave > 1",
    'resource.rating.lessThan(decimal("0.5"))', 'resource.rating.greaterThanOrEqual(decimal("-5.0"))',
    'resource.rating == decimal("0.0")', '[principal.tenant, "x"] == ["acme", "x"]',
    'context.person is Person in Role::"Support"', "context.person.onCall", 'context.person.subject == principal.name',
    'context.person has team && context.person.team == resource.owner', "context.env.incident",
    'context.env.weekday > 5', 'context.env.localTime >= duration("8h") && context.env.localTime < duration("18h")', "{a: resource.total}.a > 0",
)  # fmt: skip
_LIKES = ('"a*"', r'"a\*b"', '"*b"', '"*"', r'"a\\u{41}"', '""')


def policies(draw: random.Random) -> str:
    """A few policies."""
    effects = ["permit", *draw.choices(("permit", "forbid"), k=draw.randrange(4))]
    return "\n".join(f'@id("p{place}") {_policy(draw, effect)}' for place, effect in enumerate(effects))


def _policy(draw: random.Random, effect: str) -> str:
    scope = draw.choice(("principal", "principal", "principal is Agent", 'principal in Role::"Support"'))
    # a permit of everything keeps enough of the random requests permitted
    clauses = "" if effect == "permit" and draw.random() < 0.4 else _clauses(draw, effect)
    return f'{effect} ({scope}, action == Action::"pay_bill", resource) {clauses};'


def _clauses(draw: random.Random, effect: str) -> str:
    found = [f"{draw.choice(('when', 'unless'))} {{ {condition(draw, 3)} }}" for _ in range(draw.randrange(1, 3))]
    if effect == "forbid" and draw.random() < 0.5:
        found.append("unless { context.approvals.SecurityLead >= 1 }")
    return " ".join(found)


def condition(draw: random.Random, depth: int) -> str:
    """A condition, nested no deeper than this."""
    kind = draw.randrange(4 if depth else 1)
    if kind == 0:
        return _leaf(draw)
    parts = [condition(draw, depth - 1) for _ in range(3)]
    if kind == 1:
        return f"!({parts[0]})"
    if kind == 2:
        return f"(if {parts[0]} then {parts[1]} else {parts[2]})"
    return f"({parts[0]} {draw.choice(('&&', '||'))} {parts[1]})"


def _leaf(draw: random.Random) -> str:
    kind = draw.randrange(8)
    if kind <= 1:
        sign = draw.choice(("<", "<=", ">", ">=", "==", "!="))
        return f"{_long(draw)} {sign} {_long(draw)}"
    if kind == 2:
        return f"{draw.choice(_STRINGS)} {draw.choice(('==', '!='))} {draw.choice(_STRINGS)}"
    if kind == 3:
        return f"{draw.choice(_STRINGS)} like {draw.choice(_LIKES)}"
    if kind == 4:
        return draw.choice(_TIMES)
    if kind == 5:
        found = draw.choice(_SETS)
        return f"(context.params has labels && {found})" if "labels" in found else found
    if kind == 6:
        name = draw.choice(("note", "rush"))
        inner = f"context.params.note == {draw.choice(_STRINGS)}" if name == "note" else "context.params.rush"
        return f"(context.params has {name} && {inner})"
    return draw.choice(_FLAGS)


def _long(draw: random.Random) -> str:
    kind = draw.randrange(5)
    if kind < 3:
        return draw.choice(_LONGS)
    if kind == 3:
        return f"({_long(draw)} {draw.choice('+-*')} {_long(draw)})"
    return f"-({_long(draw)})"
