"""The counterexample: one concrete request out of the solver's model, which the gateway's own decider then decides."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cedarpy
import orjson
import z3  # type: ignore[import-untyped]  # the solver ships no py.typed
from pydantic import JsonValue

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.program import Program
from policies.decision import DecisionContext, DecisionRecord, Permitted, Rate, ResourceFacts
from policies.principal import People, Person, PersonAttributes
from policies.proof.cedar_type import EntityRef, RecordType, SetType
from policies.proof.formula import Unmodelled
from policies.proof.ruleset import Ruleset
from policies.proof.symbolic_request import SymbolicRequest
from policies.proof.symbolic_value import KnownEntity, SymbolicValue
from policies.proof.text_sort import TextSort
from policies.schema import RESERVED_ROLE


@dataclass(frozen=True, slots=True)
class Counterexample:
    """One request that a claim does not hold for. `role` is the approver's, where it is about an approval."""

    contract: str
    connection: str
    caller: Caller
    resource: ResourceFacts
    params: Mapping[str, JsonValue]
    context: DecisionContext
    approvals: Mapping[str, int]
    oldest_seconds: int
    approver: Caller | None = None
    role: str = ""
    people: tuple[Person, ...] = ()

    def at(self, tenant: str, environment: str) -> "Counterexample":
        """The same request about a resource at another place."""
        return replace(self, resource=replace(self.resource, tenant=tenant, environment=environment))

    @property
    def document(self) -> dict[str, JsonValue]:
        """The same for programs, without what says nothing."""
        caller, resource, context = self.caller, self.resource, self.context
        agent: dict[str, JsonValue] = {"name": caller.agent, "tenant": caller.tenant, "roles": [*sorted(caller.roles)]}
        person: dict[str, JsonValue] = {"name": caller.person, "tenant": caller.tenant}
        person["roles"] = [*sorted(caller.person_roles)]
        person |= self.people[0].attributes.declared if self.people else {}
        found: dict[str, JsonValue] = {"action": self.contract, "agent": agent, "person": person}
        if self.connection:
            found["connection"] = self.connection
        attributes: dict[str, JsonValue] = dict(resource.attributes)
        found["resource"] = {
            "type": resource.resource_type,
            "tenant": resource.tenant,
            "environment": resource.environment,
            **({"attributes": attributes} if attributes else {}),
        }
        if self.params:
            found["params"] = dict(self.params)
        if resource.asked is not None:
            found["request"] = dict(resource.asked)
        if self.approvals:
            found["approvals"] = dict(self.approvals)
            found["oldestSeconds"] = self.oldest_seconds
        if self.approver is not None:
            approver: dict[str, JsonValue] = {"name": self.approver.person, "tenant": self.approver.tenant}
            approver["roles"] = [*sorted(self.approver.person_roles)]
            approver |= self.people[-1].attributes.declared
            found["approver"] = approver
            found["role"] = self.role
        return found | _circumstances(context)

    @property
    def says(self) -> str:
        """The same in one line."""
        return orjson.dumps(self.document).decode()


def _circumstances(context: DecisionContext) -> dict[str, JsonValue]:
    """What is special about the time and the state of a request."""
    found: dict[str, JsonValue] = {"now": context.now_ms}
    flags = {"changeFreeze": context.change_freeze, "incident": context.incident}
    flags["resourceOpenIncident"] = context.open_incident
    found |= {name: True for name, value in flags.items() if value}
    rate = context.rate
    counts = {
        "repeat": context.repeat,
        "lastHour": rate.last_hour,
        "lastDay": rate.last_day,
        "spentLastDay": rate.spent_last_day,
        "spends": context.spends,
        "planSize": context.plan_size,
        "wave": context.wave,
    }
    found |= {name: value for name, value in counts.items() if value}
    found |= {"budget": dict(context.budgets)} if context.budgets else {}
    return found | ({"saw": [*sorted(context.saw)]} if context.saw else {})


class SolverModel:
    """What the solver's model says about the parts of a symbolic request."""

    def __init__(self, model: z3.ModelRef, texts: TextSort) -> None:
        self._model = model
        self._texts = texts

    def value(self, value: SymbolicValue) -> JsonValue:
        """A value as Cedar's JSON has it; an entity is its id. Raises `Unmodelled`."""
        match value.type:
            case "Bool":
                return self.truth(value.term)
            case "Long":
                return self.number(value.term)
            case "decimal":
                return {"__extn": {"fn": "decimal", "arg": _decimal(self.number(value.term))}}
            case "String" | EntityRef():
                return self.text(value.term)
            case SetType(of=of):
                return [self.value(SymbolicValue(of, one)) for one in _elements(self._of(value.term))]
            case RecordType():
                there = {name: one for name, one in value.attributes.items() if self.truth(one.present)}
                return {name: self.value(one.value) for name, one in there.items()}
            case other:
                raise Unmodelled(f"a {other} in a counterexample")

    def truth(self, term: z3.BoolRef) -> bool:
        """Whether it holds."""
        return bool(z3.is_true(self._of(term)))

    def number(self, term: z3.ArithRef) -> int:
        """The number."""
        return int(self._of(term).as_long())

    def text(self, term: z3.ExprRef) -> str:
        """The text."""
        return self._texts.text(self._of(term))

    def roles(self, roles: Mapping[str, z3.BoolRef]) -> frozenset[str]:
        """The roles that somebody holds."""
        return frozenset(role for role, held in roles.items() if self.truth(held))

    def _of(self, term: z3.ExprRef) -> z3.ExprRef:
        # completed: what the model leaves open may be anything
        return self._model.eval(term, model_completion=True)


def _elements(term: z3.ExprRef) -> list[z3.ExprRef]:
    """The members of a set as the model writes it: what was put into the empty set, or taken out again."""
    found: dict[int, tuple[z3.ExprRef, bool]] = {}
    while z3.is_store(term):
        term, element, inside = term.children()
        # the outermost word about an element holds
        found.setdefault(element.get_id(), (element, z3.is_true(inside)))
    if not z3.is_K(term) or not z3.is_false(term.arg(0)):
        raise Unmodelled("a set without an end in a counterexample")
    return [element for element, inside in found.values() if inside]


def _decimal(number: int) -> str:
    whole, part = divmod(abs(number), 10_000)
    return f"{'-' if number < 0 else ''}{whole}.{part:04}"


def counterexample(request: SymbolicRequest, connections: tuple[str, ...], model: SolverModel) -> Counterexample:
    """The concrete request that a model stands for. Raises `Unmodelled`."""
    within = request.asking[0]
    agent = next(one for one in within.entities if one.type == "Agent")
    person = next(one for one in within.entities if one.type == "Person")
    name, owner = model.text(agent.id), model.text(person.id)
    tenant = model.text(agent.attributes.attributes["tenant"].value.term)
    caller = Caller(
        name,
        tenant,
        owner,
        owner,
        model.roles(agent.roles),
        model.roles(person.roles),
    )
    context = within.context.attributes
    said = {name: model.value(one.value) for name, one in context.items() if name not in ("env", "params")}
    env = context["env"].value.attributes
    params = model.value(context["params"].value)
    approvals = _counts(said.get("approvals"))
    place = model.number(request.connection) if request.connection is not None else -1
    approver = None
    if not request.alone:
        who = within.principal
        own = model.text(who.id)
        held = model.roles(who.roles)
        approver = Caller("", model.text(who.attributes.attributes["tenant"].value.term), own, own, frozenset(), held)
    rate, plan = _counts(said.get("rate")), _counts(said.get("plan"))
    return Counterexample(
        contract=request.program.name,
        connection=connections[place] if place >= 0 else "",
        caller=caller,
        resource=_facts(request, said.get("request"), model),
        params=params if isinstance(params, dict) else {},
        context=DecisionContext(
            model.number(env["now"].value.term),
            model.truth(env["changeFreeze"].value.term),
            _count(said.get("repeat")),
            Rate(rate.get("lastHour", 0), rate.get("lastDay", 0), rate.get("spentLastDay", 0)),
            rate.get("spends", 0),
            plan.get("size", 0),
            plan.get("wave", 0),
            said.get("resourceOpenIncident") is True,
            model.truth(env["incident"].value.term),
            budgets=_counts(said.get("budget")),
            saw=_saw(said.get("session")),
        ),
        approvals={name: count for name, count in approvals.items() if count and name != RESERVED_ROLE},
        oldest_seconds=approvals.get(RESERVED_ROLE, 0),
        approver=approver,
        role=str(said.get("role", "")),
        people=tuple(_person(one, model) for one in within.entities if one.type == "Person"),
    )


def _person(entity: KnownEntity, model: SolverModel) -> Person:
    said = model.value(entity.attributes)
    known = {name: str(value) for name, value in said.items()} if isinstance(said, dict) else {}
    on_call = model.truth(entity.attributes.attributes["onCall"].value.term)
    team, manager, region, employment = (known.get(one, "") for one in ("team", "manager", "region", "employment"))
    attributes = PersonAttributes(team, manager, region, employment, on_call)
    return Person(known["name"], "", known["subject"], known["tenant"], frozenset(), attributes)


def _counts(value: JsonValue) -> dict[str, int]:
    return {name: _count(one) for name, one in value.items()} if isinstance(value, dict) else {}


def _saw(session: JsonValue) -> frozenset[str]:
    found = session.get("saw") if isinstance(session, dict) else None
    return frozenset(str(one) for one in found) if isinstance(found, list) else frozenset()


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _facts(request: SymbolicRequest, asked: JsonValue, model: SolverModel) -> ResourceFacts:
    within = request.asking[0]
    found = model.value(within.resource.attributes)
    attributes = dict(found) if isinstance(found, dict) else {}
    tenant, environment = str(attributes.pop("tenant")), str(attributes.pop("environment"))
    origin = within.context.attributes.get("origin")
    trusted = origin is not None and model.truth(origin.value.attributes["trusted"].value.term)
    flags = {name: value is True for name, value in asked.items()} if isinstance(asked, dict) else None
    kind, id_ = within.resource.type, model.text(within.resource.id)
    return ResourceFacts(kind, id_, None, attributes, flags, tenant, environment, trusted)


def decided(example: Counterexample, rules: Ruleset) -> DecisionRecord | None:
    """The record with which the gateway's decider permits the request under these rules; None where it does not."""
    program = rules.programs.get(example.contract)
    if program is None:
        return None
    request = _request(example, program)
    decider = rules.decider.among(People({one.name: one for one in example.people}))
    context = replace(example.context, time_zone=rules.time_zone)
    if example.approver is not None:
        facts = _seen(example, program)
        may = decider.may_approve(request, example.caller, facts, context, example.approver, example.role)
        return None if may is None else DecisionRecord({"approver": tuple(sorted(may))}, (), "", "", b"", b"")
    decision = decider.decide(
        request, example.caller, _seen(example, program), context, example.approvals, example.oldest_seconds
    )
    return decision.record if isinstance(decision, Permitted) else None


def _seen(example: Counterexample, program: Program) -> ResourceFacts:
    """The resource with the attributes that a contract reads; it says nothing of the others."""
    facts = example.resource
    names = {one.name for one in program.attributes}
    own = {name: value for name, value in facts.attributes.items() if name in names}
    return ResourceFacts(
        facts.resource_type,
        facts.resource_id,
        None,
        own,
        facts.asked if program.asked else None,
        facts.tenant,
        facts.environment,
        facts.origin_trusted,
    )


def _request(example: Counterexample, program: Program) -> ActionRequest:
    contract, caller = program.contract, example.caller
    return ActionRequest(
        program.name,
        contract.version,
        program.digest,
        contract.kind,
        contract.risk,
        caller.tenant,
        caller.agent,
        caller.person,
        caller.owner,
        example.connection,
        "",
        example.params,
        None,
        None,
    )


def meets(policy: cedarpy.PolicySet, record: DecisionRecord, who: tuple[int, ...], rules: Ruleset) -> list[bool]:
    """Does Cedar find each of these principals' requests to meet the conditions of one policy? One that errs counts."""
    entities = rules.bundle.entities(record.entities)
    queries = orjson.loads(record.requests)
    asked = [{**queries[place], "context": orjson.dumps(queries[place]["context"]).decode()} for place in who]
    results = cedarpy.is_authorized_batch(asked, policy, entities, rules.bundle.schema)
    return [r.decision is cedarpy.Decision.Allow or bool(r.diagnostics.errors) for r in results]
