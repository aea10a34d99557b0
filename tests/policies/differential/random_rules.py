"""Rules drawn at random for one world: scopes of every form, conditions of every type, guards, and who may approve."""

import random

from tests.policies.differential.worlds import World
from tests.policies.proof.random_policies import condition

_PRINCIPALS = (
    "principal", "principal", "principal", "principal is Agent", "principal is Person", 'principal in Role::"Support"',
    'principal is Person in Role::"SecurityLead"', 'principal == Person::"ann"',
)  # fmt: skip
_ACTIONS = (
    'action == Action::"pay_bill"', 'action == Action::"pay_bill"', 'action == Action::"hold_bill"', 'action in Action::"tag_bills"',
    'action in [Action::"pay_bill", Action::"hold_bill"]', 'action in Action::"write"', 'action in Action::"risk_at_least_medium"', "action",
)  # fmt: skip
_COMMON = (
    "context.rate.lastHour > 2", "context.rate.spentLastDay + context.rate.spends > 100", "context.env.changeFreeze",
    'context.env.now.toTime() > duration("12h")', "context.plan.size * context.plan.wave > 3", "context.resourceOpenIncident",
    'context.session.saw.contains("tag_bills")', "principal.tenant != resource.tenant", "!context.guarded", "context.guarded",
    'context.person.name like "a*"', "context.origin.trusted", 'resource.environment == Environment::"prod"',
)  # fmt: skip
_BILLS = (
    'resource.rating.lessThan(decimal("0.5"))', 'decimal("1.2345").lessThanOrEqual(resource.rating)', "resource.locked",
    'resource.teams.containsAny(["ab", "x"])', "resource.total * 9223372036854775807 > 0", "resource.total + resource.total > 4",
    'ip("10.1.2.3").isInRange(ip("10.0.0.0/8"))', 'ip("::1").isLoopback()', 'resource == Bill::"b1"',
)  # fmt: skip
_RICH = (
    'resource.source.isInRange(ip("10.0.0.0/8"))', "resource.source.isIpv4()", "resource.source.isLoopback()", "resource.source.isMulticast()",
    'resource.source == ip("10.0.0.1")', "resource.due < context.env.now", 'resource.due.toDate() == datetime("2026-01-01")',
    'resource.due.offset(resource.grace) <= datetime("2026-06-01T12:00:00Z")', 'resource.grace >= duration("1d2h3m4s5ms")',
    "resource.due.durationSince(context.env.now).toDays() > 10", "resource.grace.toMilliseconds() * 1000000000000 > 0",
    'resource has place && resource.place.city like "P*"', 'resource has place && resource.place.geo.lat.greaterThan(decimal("12.5"))',
    "resource has place.geo.zone && resource.place.geo.zone > 3", 'resource has place && resource.place == {city: "Paris", geo: {lat: decimal("48.85")}}',
    'resource.history.contains({who: Person::"ann", cents: 7})', "resource.history.isEmpty()", "resource.friends.contains(context.person)",
    'resource.friends.containsAll([Person::"ann", Person::"eve"])', 'resource.hasTag("level") && resource.getTag("level") > 3',
    'context.person.hasTag("clubs") && context.person.getTag("clubs").contains("chess")',
    'principal is Agent && principal.hasTag("model") && principal.getTag("model") like "m*"',
    "resource.hasTag(resource.owner) && resource.getTag(resource.owner) == 1",
    'principal is Person && principal.hasTag("clubs") && principal.getTag("clubs").containsAny(resource.teams)',
)  # fmt: skip
_APPROVERS = (
    "principal != context.requester", 'context.role == Role::"SecurityLead"', 'principal has team && principal.team == "a"',
    "principal.onCall", "principal.tenant == resource.tenant", "resource.total > 0", "context.params.cents < 50",
    "principal has team && context.requester has team && principal.team != context.requester.team",
)  # fmt: skip
_ASKED = (
    "context.approvals.SecurityLead >= 1", "context.approvals.SecurityLead > 1", "context.approvals.Support >= 1",
    "context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900",
    "context.approvals.SecurityLead >= 1 || context.approvals.Support >= 2",
)  # fmt: skip


def rules(draw: random.Random, world: World) -> dict[str, str]:
    """A set of policies that a release would load, by id."""
    found: dict[str, str] = {}
    wanted = draw.randrange(2, 9)
    while len(found) < wanted:
        effect = "permit" if not found or draw.random() < 0.5 else "forbid"
        name = f"p{len(found)}"
        text = f'@id("{name}") {_rule(draw, world, effect)}'
        if world.parsed(text):
            found[name] = text
    for number in range(draw.randrange(3)):
        name, what = f"a{number}", draw.choice(('action == Action::"approve:pay_bill"', 'action in Action::"approve"'))
        # the parameters and attributes of a bill are known of its own action only
        some = _APPROVERS if "==" in what else _APPROVERS[:5]
        text = f'@id("{name}") {"forbid" if number else "permit"} (principal, {what}, resource) when {{ {draw.choice(some)} }};'
        if world.parsed(text):
            found[name] = text
    return found


def _rule(draw: random.Random, world: World, effect: str) -> str:
    who, what = draw.choice(_PRINCIPALS), draw.choice(_ACTIONS)
    # a permit of everything keeps enough of the requests permitted
    if effect == "permit" and draw.random() < 0.5:
        return f"permit ({who}, {what}, resource);"
    if effect == "forbid" and draw.random() < 0.35:
        return f"forbid ({who}, {what}, resource) unless {{ {draw.choice(_ASKED)} }};"
    clauses = [
        f"{draw.choice(('when', 'unless'))} {{ {_condition(draw, world, what)} }}" for _ in range(draw.randrange(1, 3))
    ]
    if effect == "forbid" and draw.random() < 0.5:
        clauses.append(f"unless {{ {draw.choice(_ASKED)} }}")
    return f"{effect} ({who}, {what}, resource) {' '.join(clauses)};"


def _condition(draw: random.Random, world: World, what: str) -> str:
    if what == 'action == Action::"pay_bill"' and draw.random() < 0.5:
        return condition(draw, 2)
    # a group has an action about no bill, so a policy about a group reads what every resource has
    some = (
        _COMMON
        if "in Action" in what or what == "action"
        else (*_COMMON, *_BILLS, *(_RICH * 2 if world.is_rich else ()))
    )
    parts = [f"({draw.choice(some)})" for _ in range(draw.randrange(1, 4))]
    parts = [f"!{one}" if draw.random() < 0.2 else one for one in parts]
    return draw.choice((" && ", " || ")).join(parts)
