"""The situation that a case stands for: its request, its caller and its facts, with plain values for the rest."""

from collections.abc import Mapping

from pydantic import JsonValue

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.expressions import Fault
from contracts.compiler.program import CedarAttribute, Program
from contracts.schema.input import Input
from policies.budget import share_of
from policies.case import Case, Who
from policies.decider import Decider
from policies.decision import DecisionContext, Rate, ResourceFacts
from policies.principal import People, Person
from policies.resource_facts import cedar_value

# a fixed time, so that a test decides today what it decided yesterday
NOW_MS = 1_767_000_000_000
PLAIN_TEXT = "text"
"""What a text of a record says that a case leaves out."""


def situation_of(
    decider: Decider, programs: Mapping[str, Program], case: Case
) -> tuple[ActionRequest, Caller, ResourceFacts]:
    """The request, the caller and the facts of a case; what it leaves out has a value that is not special."""
    program = programs[str(case.action)]
    agent, person = (roles_of(decider, who) for who in (case.agent, case.person))
    names = (case.agent.name or "agent", case.person.name or "person")
    caller = Caller(names[0], case.agent.tenant, names[1], "owner", agent, person)
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
        case.resource.id,
        None,
        attributes,
        {str(k): v for k, v in asked.items()} if asked and program.asked else None,
        case.resource.tenant,
        case.resource.environment,
        case.origin_trusted,
    )
    params = {n: _param(f) for n, f in program.contract.inputs.items() if not f.optional} | case.params
    request = ActionRequest(
        program.name,
        program.contract.version,
        program.digest,
        program.contract.kind,
        program.contract.risk,
        case.agent.tenant,
        *names,
        "owner",
        "connection",
        "",
        params,
        None,
        None,
    )
    return request, caller, facts


def people_of(case: Case, caller: Caller, approver: str = "") -> People:
    """Who asks and who approves in a case, as a release would declare them."""
    found = {caller.person: _declared(caller.person, case.person)}
    if case.approver is not None:
        found[approver] = _declared(approver, case.approver)
    return People(found)


def _declared(name: str, who: Who) -> Person:
    return Person(name, "", who.subject or name, who.tenant, frozenset(who.roles), who.attributes)


def context_of(case: Case, decider: Decider) -> DecisionContext:
    """What the decision of a case depends on beside its request; `decider` says which budgets there are."""
    # the plain case: nobody else took anything
    covering = decider.bundle.budgets.of(str(case.action))
    budgets = {one.name: share_of(one, is_write=True, spends=case.rate.spends) for one in covering} | case.budget
    return DecisionContext(
        NOW_MS if case.now is None else int(case.now.timestamp() * 1000),
        case.change_freeze,
        case.repeat,
        Rate(case.rate.last_hour, case.rate.last_day, case.rate.spent_last_day),
        case.rate.spends,
        case.plan_size,
        case.wave,
        case.open_incident,
        incident=case.incident,
        time_zone=case.time_zone,
        budgets=budgets,
        saw=frozenset(case.saw),
    )


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
    values: dict[str, JsonValue] = {"Bool": False, "Long": 0, "String": PLAIN_TEXT, "SetOfString": []}
    return values.get(kind, {"__extn": {"fn": "decimal", "arg": "0.0"}})


def _param(field: Input) -> JsonValue:
    if field.enum:
        return field.enum[0]
    values: dict[str, JsonValue] = {"string": "text", "secret": "text", "integer": 1, "boolean": False, "array": []}
    return values[field.type]
