"""Requests drawn at random, in Cedar's JSON; some do not fit the schema. Nothing here calls the code under test."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.policies.differential.worlds import World
from tests.policies.proof.making import ENVIRONMENTS, ROLES

PEOPLE = ("ann", "eve", "bob")
TENANTS = ("acme", "ab")
_TEXTS = ("acme", "ann", "a*b", "ab", "a\\u{41}", "x", "")
_NUMBERS = (0, 1, 2, 3, 7, 10, 100, 2**62, 2**63 - 1, -(2**63), -1)
_TIMES = (1_577_836_800, 1_767_000_000, 1_767_225_600, 1_780_000_000, 2_208_988_799)
_ADDRESSES = ("10.0.0.1", "10.9.8.7", "192.168.0.0/16", "127.0.0.1", "::1", "ff02::1", "2001:db8::/32")


@dataclass(frozen=True)
class Drawn:
    """One request: who, about what, in which circumstances, with which approvals; and who would approve."""

    action: str
    entities: list[dict[str, Any]]
    context: dict[str, Any]
    held: Mapping[str, int]
    oldest: int
    role: str

    @property
    def principals(self) -> list[dict[str, str]]:
        """The agent and the person."""
        return [one["uid"] for one in self.entities[:2]]

    @property
    def holds_role(self) -> bool:
        """Does the approver hold the role that it would approve in?"""
        return any(parent["id"] == self.role for parent in self.entities[2]["parents"])

    @property
    def bill(self) -> dict[str, Any]:
        """The resource."""
        return self.entities[3]


def drawn(draw: random.Random, world: World) -> Drawn:
    """One request."""
    action = draw.choice(("pay_bill", "pay_bill", "pay_bill", "hold_bill"))
    person, approver = draw.sample(PEOPLE, 2)
    bill = _bill(draw)
    agent, human, other = _agent(draw), _person(draw, person), _person(draw, approver)
    other["attrs"]["tenant"] = human["attrs"]["tenant"] = agent["attrs"]["tenant"]
    if world.is_rich:
        _enrich(draw, agent, human, other, bill)
    _spoil(draw, bill)
    context = _context(draw, action, person)
    held = {role: draw.choice((0, 0, 1, 2)) for role in ROLES}
    oldest = draw.choice((0, 900, 901)) if any(held.values()) else 0
    return Drawn(action, [agent, human, other, bill], context, held, oldest, draw.choice(ROLES))


def _agent(draw: random.Random) -> dict[str, Any]:
    attributes = {"tenant": draw.choice(("acme", "acme", "ab")), "name": "bot"}
    return {"uid": _uid("Agent", "bot"), "attrs": attributes, "parents": _roles(draw)}


def _person(draw: random.Random, name: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"name": name, "subject": f"s-{name}", "onCall": draw.random() < 0.5}
    for key in ("team", "manager", "region", "employment"):
        if draw.random() < 0.5:
            attributes[key] = draw.choice(("a", "b", "acme"))
    return {"uid": _uid("Person", name), "attrs": attributes, "parents": _roles(draw)}


def _bill(draw: random.Random) -> dict[str, Any]:
    attributes = {
        "locked": draw.random() < 0.5,
        "total": draw.choice(_NUMBERS),
        "owner": draw.choice(_TEXTS),
        "rating": _extension("decimal", draw.choice(("0.0", "0.5", "0.4999", "-5.0", "1.2345", "900000000000.0001"))),
        "teams": draw.sample(_TEXTS, draw.randrange(4)),
        "tenant": draw.choice(("acme", "acme", "acme", "ab")),
        "environment": {"__entity": _uid("Environment", draw.choice(ENVIRONMENTS))},
    }
    return {"uid": _uid("Bill", draw.choice(("b1", "b2", 'b"\\3'))), "attrs": attributes, "parents": []}


def _enrich(
    draw: random.Random, agent: dict[str, Any], person: dict[str, Any], other: dict[str, Any], bill: dict[str, Any]
) -> None:
    agent["tags"] = {key: draw.choice(("mini", "large")) for key in ("model", "vendor") if draw.random() < 0.6}
    for one in (person, other):
        one["tags"] = {"clubs": draw.sample(("chess", "ab", "golf"), draw.randrange(4))} if draw.random() < 0.6 else {}
    bill["tags"] = {key: draw.randrange(6) for key in ("level", "acme", "ab") if draw.random() < 0.6}
    people = [{"__entity": _uid("Person", one)} for one in PEOPLE]
    more: dict[str, Any] = {
        "source": _extension("ip", draw.choice(_ADDRESSES)),
        "due": _extension(
            "datetime", draw.choice(("2026-01-01", "2025-12-31T23:59:59.999Z", "2026-05-31T08:00:00+0530"))
        ),
        "grace": _extension("duration", draw.choice(("0s", "1d2h3m4s5ms", "-12h", "90m", "366d"))),
        "history": [{"who": draw.choice(people), "cents": draw.choice((0, 7, -7))} for _ in range(draw.randrange(3))],
        "friends": draw.sample(people, draw.randrange(3)),
    }
    if draw.random() < 0.7:
        geo: dict[str, Any] = {"lat": _extension("decimal", draw.choice(("48.85", "12.5", "-33.9")))}
        geo |= {"zone": draw.randrange(6)} if draw.random() < 0.5 else {}
        more["place"] = {"city": draw.choice(("Paris", "Perth", "Oslo")), "geo": geo}
    bill["attrs"] |= more


def _spoil(draw: random.Random, bill: dict[str, Any]) -> None:
    """Sometimes a live attribute is missing, of another type, or no value of its type."""
    if draw.random() > 0.03:
        return
    name = draw.choice(sorted(set(bill["attrs"]) - {"tenant", "environment"}))
    if draw.random() < 0.5:
        bill["attrs"].pop(name)
    else:
        bill["attrs"][name] = draw.choice((None, {"a": 1}, ["x", 1], "1.5.5", 2.5))


def _context(draw: random.Random, action: str, person: str) -> dict[str, Any]:
    """The circumstances, without approvals and whether a guard asks."""
    kind = "".join(word.capitalize() for word in f"{action}_speed".split("_")) + "Value"
    params: dict[str, Any] = {
        "bill": draw.choice(_TEXTS),
        "cents": draw.choice((0, 1, 49, 50, 1_000_000)),
        "speed": {"__entity": _uid(kind, draw.choice(("slow", "fast")))},
        "lines": [draw.randrange(5) for _ in range(draw.randrange(4))],
    }
    for name, value in (
        ("rush", draw.random() < 0.5),
        ("note", draw.choice(_TEXTS)),
        ("labels", draw.sample(_TEXTS, 2)),
    ):
        if draw.random() < 0.6:
            params[name] = value
    second = draw.choice(_TIMES)
    now = datetime.fromtimestamp(second, UTC)
    saw = ("tag_bills", "hold_bill", "write")
    return {
        "params": params,
        "person": {"__entity": _uid("Person", person)},
        "env": {
            "now": _extension("datetime", now.strftime("%Y-%m-%dT%H:%M:%SZ")),
            "changeFreeze": draw.random() < 0.3,
            "incident": draw.random() < 0.3,
            "weekday": now.isoweekday(),
            "localTime": _extension("duration", f"{now.hour * 3600 + now.minute * 60 + now.second}s"),
        },
        "origin": {"trusted": draw.random() < 0.5},
        "repeat": draw.randrange(4),
        "rate": {key: draw.choice((0, 1, 3, 100)) for key in ("lastHour", "lastDay", "spentLastDay", "spends")},
        "plan": {"size": draw.randrange(4), "wave": draw.randrange(4)},
        "resourceOpenIncident": draw.random() < 0.2,
        "session": {"saw": sorted(one for one in saw if draw.random() < 0.4)},
    }


def _roles(draw: random.Random) -> list[dict[str, str]]:
    return [_uid("Role", role) for role in ROLES if draw.random() < 0.6]


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _extension(kind: str, text: str) -> dict[str, Any]:
    return {"__extn": {"fn": kind, "arg": text}}
