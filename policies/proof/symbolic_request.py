"""The symbolic request: every call of one contract at once, and what the gateway makes sure of about each call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed

from contracts.compiler.program import Program
from policies.budget import names_of
from policies.proof.cedar_type import (
    AGENT,
    PERSON,
    EntityRef,
    approval_context_type,
    context_type,
    members_of,
    resource_type,
)
from policies.proof.encoding import SymbolicEnvironment
from policies.proof.formula import TRUE, conj, disj, neg
from policies.proof.local_clock import DAY, FIRST_SECOND, LAST_SECOND, shifts_of
from policies.proof.ruleset import Ruleset
from policies.proof.symbolic_value import KnownEntity, SymbolicAttribute, SymbolicValue, Symbols
from policies.proof.text_sort import TextSort
from policies.schema import RESERVED_ROLE
from policies.session_history import reads_session, shown_names

_COUNTS = (("repeat",), ("rate", "lastHour"), ("rate", "lastDay"), ("plan", "size"), ("plan", "wave"))


@dataclass(frozen=True, slots=True)
class SymbolicRequest:
    """Every call of one contract by one agent for one person, or every approval of it.

    `asking` are those who must all be permitted; `alone` the same while nobody has approved; `facts` hold of each.
    `reachable`: is there the connection at all, under these rules?
    """

    program: Program
    asking: tuple[SymbolicEnvironment, ...]
    alone: tuple[SymbolicEnvironment, ...]
    facts: tuple[z3.BoolRef, ...]
    reachable: z3.BoolRef = TRUE
    connection: z3.ArithRef | None = None


def action_request(name: str, rules: Ruleset, texts: TextSort, connections: tuple[str, ...]) -> SymbolicRequest:
    """Every call of a contract through one of these connections. Raises `Unmodelled`."""
    program, roles = rules.programs[name], rules.bundle.roles
    symbols = Symbols(texts, members_of(program, roles, rules.bundle.environments))
    tenant = symbols.value("caller.tenant", "String")
    agent, person = (_principal(kind, symbols, tenant, roles) for kind in ("Agent", "Person"))
    resource, reachable = _resource(rules, program, symbols, connections)
    budgets = names_of(rules.bundle.budgets.of(name))
    context = _timed(symbols.value("context", context_type(program, roles, budgets)), symbols, rules.time_zone)
    context = _with(context, person=person.value)
    symbols.facts.extend(_facts(program, context, roles))
    if reads_session(rules.bundle.slices[name].nodes.values()):
        symbols.facts.append(_seen(context, symbols, rules.programs.values()))
    groups, entities = rules.groups, (agent, person, resource)
    environments = tuple(
        SymbolicEnvironment(who, name, groups, resource, context, entities, texts) for who in (agent, person)
    )
    zero = SymbolicValue("Long", z3.IntVal(0))
    nobody = context.attributes["approvals"].value
    nobody = _with(nobody, **dict.fromkeys((*roles, RESERVED_ROLE), zero))
    # what counts as guarded is asked with `guarded` true, as the decider does
    unasked = _with(context, approvals=nobody, guarded=SymbolicValue("Bool", TRUE))
    alone = tuple(replace(within, context=unasked) for within in environments)
    return SymbolicRequest(program, environments, alone, tuple(symbols.facts), reachable, _connection(connections))


def approval_request(name: str, rules: Ruleset, texts: TextSort, connections: tuple[str, ...]) -> SymbolicRequest:
    """Every approval of a contract's call in a role that the approver holds. Raises `Unmodelled`."""
    program, roles = rules.programs[name], rules.bundle.roles
    symbols = Symbols(texts, members_of(program, roles, rules.bundle.environments))
    tenant = symbols.value("caller.tenant", "String")
    agent, requester = (_principal(kind, symbols, tenant, roles) for kind in ("Agent", "Person"))
    approver = _principal("Person", symbols, symbols.value("approver.tenant", "String"), roles, "approver")
    resource, reachable = _resource(rules, program, symbols, connections)
    context = _timed(symbols.value("context", approval_context_type(program)), symbols, rules.time_zone)
    context = _with(context, requester=requester.value, agent=agent.value)
    role = context.attributes["role"].value
    held = (conj(role.term == texts.literal(one), has) for one, has in approver.roles.items())
    # INVARIANT 2: the code, and no policy, keeps whoever asked from approving
    symbols.facts.extend((disj(*held), neg(approver.id == requester.id)))
    entities = (agent, requester, approver, resource)
    within = SymbolicEnvironment(approver, f"approve:{name}", rules.groups, resource, context, entities, texts)
    return SymbolicRequest(program, (within,), (), tuple(symbols.facts), reachable, _connection(connections))


def _principal(
    kind: str, symbols: Symbols, tenant: SymbolicValue, roles: frozenset[str], path: str = ""
) -> KnownEntity:
    path = path or kind.lower()
    held = {role: z3.Bool(f"{path}.roles.{role}") for role in sorted(roles)}
    attributes = symbols.value(path, AGENT if kind == "Agent" else PERSON)
    # what is declared as an empty text is not declared
    texts = (one for one in attributes.attributes.values() if one.present is not TRUE)
    symbols.facts.extend(neg(one.value.term == symbols.texts.literal("")) for one in texts)
    own = symbols.value(f"{path}.id", "String")
    # an entity of Cedar has the person's or the agent's name as its id
    return KnownEntity(kind, own.term, _with(attributes, tenant=tenant, name=own), held)


def _connection(connections: tuple[str, ...]) -> z3.ArithRef | None:
    return z3.Int("connection") if connections else None


def _resource(
    rules: Ruleset, program: Program, symbols: Symbols, connections: tuple[str, ...]
) -> tuple[KnownEntity, z3.BoolRef]:
    """The resource behind one of the connections, and when these rules have that connection."""
    kind = program.resource_type
    attributes = symbols.value("resource", resource_type(program))
    for name in program.attributes:
        value = attributes.attributes[name.name].value
        # an empty text is read as none, which is denied before Cedar is asked
        if value.type == "String":
            symbols.facts.append(neg(value.term == symbols.texts.literal("")))
    reachable = TRUE
    if connections:
        index, targets = z3.Int("connection"), rules.targets_of(program)
        symbols.facts.extend((index >= 0, index < len(connections)))
        known = [(place, targets[one]) for place, one in enumerate(connections) if one in targets]
        reachable = disj(*(index == place for place, _ in known))
        # INVARIANT 9: tenant and environment are the connection's, never the record's
        tenant, environment = (symbols.texts.literal("") for _ in range(2))
        for place, target in known:
            tenant = z3.If(index == place, symbols.texts.literal(target.tenant), tenant)
            environment = z3.If(index == place, symbols.texts.literal(target.environment), environment)
        attributes = _with(
            attributes,
            tenant=SymbolicValue("String", tenant),
            environment=SymbolicValue(EntityRef("Environment"), environment),
        )
        # those of the attributes that stood for any place are bound by nothing now
    return KnownEntity(kind, symbols.value("resource.id", "String").term, attributes), reachable


def _facts(program: Program, context: SymbolicValue, roles: frozenset[str]) -> list[z3.BoolRef]:
    facts = [_at(context, *path).term >= 0 for path in _COUNTS]
    if "budget" in context.attributes:
        facts += [one.value.term >= 0 for one in context.attributes["budget"].value.attributes.values()]
    facts.append(_at(context, "rate", "lastHour").term <= _at(context, "rate", "lastDay").term)
    counts = [_at(context, "approvals", role).term for role in sorted(roles)]
    oldest = _at(context, "approvals", RESERVED_ROLE).term
    # far above what any number of people could give, and far below where their sum would err
    facts += [conj(count >= 0, count <= 1000) for count in counts]
    # of no approval there is no age
    facts += [oldest >= 0, disj(oldest == 0, *(count > 0 for count in counts))]
    params = context.attributes["params"].value
    for name, field in program.contract.inputs.items():
        if field.type == "integer":
            number = params.attributes[name].value.term
            facts += [number >= field.minimum] if field.minimum is not None else []
            facts += [number <= field.maximum] if field.maximum is not None else []
    return facts


def _seen(context: SymbolicValue, symbols: Symbols, programs: Iterable[Program]) -> z3.BoolRef:
    """What was seen is some of the contracts and groups that there are: a set with an end, of names that are known."""
    found = z3.EmptySet(symbols.sort_of("String"))
    for name in sorted(shown_names(programs)):
        found = z3.If(z3.Bool(f"context.session.saw.{name}"), z3.SetAdd(found, symbols.texts.literal(name)), found)
    return _at(context, "session", "saw").term == found


def _timed(context: SymbolicValue, symbols: Symbols, time_zone: str) -> SymbolicValue:
    """A context at any time of the claims, by the clocks of a time zone: policies see whole seconds."""
    second, stretches = z3.Int("second"), shifts_of(time_zone)
    ahead = z3.Int(f"ahead.{time_zone}") if len(stretches) > 1 else z3.IntVal(stretches[0][2])
    symbols.facts.extend((second >= FIRST_SECOND, second <= LAST_SECOND))
    if len(stretches) > 1:
        at_once = (conj(second >= first, second <= last, ahead == shift) for first, last, shift in stretches)
        symbols.facts.append(disj(*at_once))
    local = second + ahead
    # the first day of 1970 was a Thursday, the fourth of its week
    parts = {
        "now": SymbolicValue("datetime", second * 1000),
        "weekday": SymbolicValue("Long", (local / DAY + 3) % 7 + 1),
        "localTime": SymbolicValue("duration", (local % DAY) * 1000),
    }
    return _with(context, env=_with(context.attributes["env"].value, **parts))


def _at(value: SymbolicValue, *path: str) -> SymbolicValue:
    for name in path:
        value = value.attributes[name].value
    return value


def _with(record: SymbolicValue, **changes: SymbolicValue) -> SymbolicValue:
    """A record with other values of some attributes."""
    changed: Mapping[str, SymbolicAttribute] = {name: SymbolicAttribute(one) for name, one in changes.items()}
    return replace(record, attributes={**record.attributes, **changed})
