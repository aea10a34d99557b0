"""The case of a recorded decision: a policy test out of what Cedar was asked when somebody called.

A file of tests is read by many people for years, and a record is about real ones. So whatever the outcome does not hang
on is left out: names, ids, values of the record. What stays is what the policies look at.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from contracts.compiler.program import Program
from policies.approval_requirement import ApprovalRequirement
from policies.case import Case, Usage, What, Who
from policies.decider import Decider
from policies.decision import ApprovalRequired
from policies.explanation import outcome_of
from policies.recorded_request import Entity, RecordedRequest
from policies.testing import evaluate

_STAY: Final = frozenset(("name", "action", "expect"))
_STAY_INSIDE: Final = frozenset(("roles", "tenant", "environment", "attributes"))
_PERSON: Final = ("subject", "team", "manager", "region", "employment")


def case_of(asked: RecordedRequest, place: What, time_zone: str) -> Case:
    """The whole situation of a record. `place` is where its connection is, for an early denial, which saw no resource.

    Raises KeyError, TypeError or ValueError where the record is of another form.
    """
    agent, person = (_who(one) for one in asked.principals)
    values: dict[str, object] = {"name": "recorded", "action": asked.action, "agent": agent, "person": person}
    if asked.is_early:
        return Case.model_validate({**values, "resource": place, "budget": asked.counted, "expect": "denied"})
    context = asked.plain
    env, rate, plan = (_record(context[key]) for key in ("env", "rate", "plan"))
    used = {"last_hour": "lastHour", "last_day": "lastDay", "spent_last_day": "spentLastDay", "spends": "spends"}
    return Case.model_validate(
        {
            **values,
            "resource": _resource(asked),
            "params": {name: _plain(value) for name, value in _record(context["params"]).items()},
            "request": context.get("request"),
            "approvals": {role: count for role, count in asked.approvals.items() if count},
            "oldest_seconds": asked.oldest_seconds,
            "change_freeze": env["changeFreeze"],
            "incident": env.get("incident", False),
            "time_zone": time_zone,
            "now": datetime.fromisoformat(_argument(env["now"])),
            "rate": Usage.model_validate({name: rate[key] for name, key in used.items()}),
            "budget": asked.counted,
            # an older record tells of no session
            "saw": _record(context.get("session", {})).get("saw", ()),
            "plan_size": plan["size"],
            "wave": plan["wave"],
            "repeat": context["repeat"],
            "open_incident": context["resourceOpenIncident"],
            "origin_trusted": _record(context["origin"])["trusted"],
            "expect": "denied",
        }
    )


def least_case(decider: Decider, programs: Mapping[str, Program], case: Case) -> Case:
    """The same situation without what its outcome does not hang on, and with that outcome as what is expected.

    Raises `AilyusError` where the case names what does not exist any more.
    """
    decided = _decided(decider, programs, case)
    document = _document(case)
    for path in list(_paths(document)):
        # one value after the other, each beside what has gone already
        smaller = _without(document, path)
        if _decided(decider, programs, Case.model_validate(smaller)) == decided:
            document = smaller
    outcome, needs, by_principal = decided
    because = sorted({name for ids in by_principal.values() for name in ids})
    found = {"expect": outcome, "need": dict(needs[0]) if needs else None, "because": because}
    return Case.model_validate({**document, **found})


def _document(case: Case) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = case.model_dump(mode="json", exclude_defaults=True)
    return found


def _paths(document: Mapping[str, JsonValue]) -> Iterator[tuple[str, ...]]:
    """What may go: all but who of which role asks for what where, without which nobody understands a case."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from ((name, inner) for inner in value if inner not in _STAY_INSIDE)
            attributes = value.get("attributes")
            yield from ((name, "attributes", one) for one in (attributes if isinstance(attributes, dict) else ()))
        elif name not in _STAY:
            yield (name,)


def _without(document: Mapping[str, JsonValue], path: tuple[str, ...]) -> dict[str, JsonValue]:
    name, *rest = path
    part = document.get(name)
    if rest and isinstance(part, dict) and (left := _without(part, tuple(rest))):
        return {**document, name: left}
    return {key: value for key, value in document.items() if key != name}


def _decided(
    decider: Decider, programs: Mapping[str, Program], case: Case
) -> tuple[str, tuple[ApprovalRequirement, ...], Mapping[str, tuple[str, ...]]]:
    decision = evaluate(decider, programs, case)
    needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
    return outcome_of(decision), needs, decision.record.policies if decision.record else {}


def _who(principal: Entity) -> Who:
    attributes, uid = _record(principal["attrs"]), _record(principal["uid"])
    parents = principal["parents"]
    roles = [str(_record(one)["id"]) for one in (parents if isinstance(parents, list) else ())]
    said = {name: attributes[name] for name in _PERSON if name in attributes}
    # a person's own name as subject is what a case has anyway
    if said.get("subject") == uid["id"]:
        del said["subject"]
    known = {"name": uid["id"], "tenant": attributes["tenant"], "roles": roles, **said}
    return Who.model_validate({**known, "on_call": attributes.get("onCall", False)})


def _resource(asked: RecordedRequest) -> What:
    uid = _record(asked.queries[0]["resource"])
    (found,) = (one for one in asked.known if _record(one["uid"]) == uid)
    attributes = dict(_record(found["attrs"]))
    tenant, environment = attributes.pop("tenant"), _plain(attributes.pop("environment"))
    return What.model_validate(
        {"id": uid["id"], "tenant": tenant, "environment": environment, "attributes": attributes}
    )


def _plain(value: object) -> object:
    """A value as a case has it: of an entity its id."""
    found = _record(value)["__entity"] if isinstance(value, Mapping) and "__entity" in value else None
    return value if found is None else _record(found)["id"]


def _argument(value: object) -> str:
    return str(_record(_record(value)["__extn"])["arg"])


def _record(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("no record of a decision")
    return value
