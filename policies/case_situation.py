"""The situation that a case stands for: its request, its caller and its facts, with plain values for the rest."""

from collections.abc import Mapping

from pydantic import JsonValue

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.expressions import Fault
from contracts.compiler.program import CedarAttribute, Program
from contracts.schema.input import Input
from policies.case import Case, Who
from policies.decider import Decider
from policies.decision import ResourceFacts
from policies.resource_facts import cedar_value

# a fixed time, so that a test decides today what it decided yesterday
NOW_MS = 1_767_000_000_000


def situation_of(
    decider: Decider, programs: Mapping[str, Program], case: Case
) -> tuple[ActionRequest, Caller, ResourceFacts]:
    """The request, the caller and the facts of a case; what it leaves out has a value that is not special."""
    program = programs[str(case.action)]
    agent, person = (roles_of(decider, who) for who in (case.agent, case.person))
    caller = Caller("agent", case.agent.tenant, "person", "owner", agent, person)
    attributes = {a.name: _default(a.type) for a in program.attributes} | {
        a.name: _attribute(a, case.resource.attributes[a.name])
        for a in program.attributes
        if a.name in case.resource.attributes
    }
    asked = dict(case.request) if case.request is not None else None
    # the plain case: who asks is verified, and asks for themselves
    if program.asked and asked is None:
        asked = {"verified": True, "requesterIsSubject": True}
    facts = ResourceFacts(
        program.resource_type,
        "resource",
        None,
        attributes,
        {str(k): v for k, v in asked.items()} if asked and program.asked else None,
        case.resource.tenant,
        case.resource.environment,
        False,
    )
    params = {n: _param(f) for n, f in program.contract.inputs.items() if not f.optional} | case.params
    request = ActionRequest(
        program.name,
        program.contract.version,
        program.digest,
        program.contract.kind,
        program.contract.risk,
        case.agent.tenant,
        "agent",
        "person",
        "owner",
        "connection",
        "",
        params,
        None,
        None,
    )
    return request, caller, facts


def roles_of(decider: Decider, who: Who) -> frozenset[str]:
    """The roles of a principal of a case."""
    return decider.bundle.roles if "*" in who.roles else frozenset(who.roles)


def _attribute(attribute: CedarAttribute, value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return value
    found = cedar_value(attribute, value)
    return value if isinstance(found, Fault) else found


def _default(kind: str) -> JsonValue:
    # what says least: a case has to name what is special about it
    values: dict[str, JsonValue] = {"Bool": False, "Long": 0, "String": "text", "SetOfString": []}
    return values.get(kind, {"__extn": {"fn": "decimal", "arg": "0.0"}})


def _param(field: Input) -> JsonValue:
    if field.enum:
        return field.enum[0]
    values: dict[str, JsonValue] = {"string": "text", "secret": "text", "integer": 1, "boolean": False, "array": []}
    return values[field.type]
