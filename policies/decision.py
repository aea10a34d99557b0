"""Decide one request with Cedar, for the agent and for the person it acts for: both must be permitted.

`Decider.may_observe` decides early, before anything is read; `establish` makes facts of an observation;
`Decider.decide` decides on them. A release holds one decider. `Pipeline`, `ActionExecutor`, plans and undos ask it
about actions, `Inbox` about approvers (`may_approve`), and policy tests ask it as those do. It reads no target, asks no
person and keeps nothing but caches: the time that policies see, rates and approvals are given to it.

- What is absent, null, erroring or of another type MUST deny (invariant 9).
- An error in any policy MUST NOT become a permit.
- Entities, and requests with a resource, MUST be checked against the schema.
- Undeclared roles MUST NOT count.
- `ApprovalRequired` MUST name only approvals with which Cedar permits it.
- An outage MUST be `Unavailable`, which is no refusal.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import cedarpy
import orjson
from cedarpy import pst
from pydantic import JsonValue

from contracts.action.dispatch import MayObserve
from contracts.action.observation import Outage
from contracts.action.request import ActionRequest, Caller
from contracts.action.target import Target
from contracts.canonical import sha256
from contracts.compiler.program import Program, placeholder
from policies.bundle import ENGINE, Bundle, Slice, bind_resource
from policies.cedar_json import entity, instant, principal, quoted
from policies.schema import RESERVED_ROLE, enum_type

Need = tuple[tuple[str, int], ...]
"""A vector of approvals: how many from which role, for example `(("SecurityLead", 1),)`; zero counts left out."""
NO_APPROVALS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Facts:
    """Live facts about one resource, as Cedar sees them. Built only from an answered observation."""

    resource_type: str
    resource_id: str
    label: str | None
    attributes: Mapping[str, JsonValue]
    asked: Mapping[str, bool] | None
    tenant: str
    environment: str
    origin_trusted: bool


@dataclass(frozen=True, slots=True)
class Record:
    """What was decided, so that a stranger can run it again: ids, digests, the normalised request, the engine.

    `policies` are the deciding `@id`s for the agent and for the person apart. `partial`: decided before the record was
    looked at, so its requests hold neither resource nor context.
    """

    policies: Mapping[str, tuple[str, ...]]
    errors: tuple[str, ...]
    slice_digest: str
    schema_digest: str
    entities: bytes
    requests: bytes
    engine: str = ENGINE
    partial: bool = False

    @property
    def entities_digest(self) -> str:
        """SHA-256 of the entities document."""
        return sha256(self.entities)

    @property
    def requests_digest(self) -> str:
        """SHA-256 of the two normalised Cedar requests."""
        return sha256(self.requests)


@dataclass(frozen=True, slots=True)
class Permitted:
    """Cedar permits it now, with these verified approvals."""

    facts: Facts
    record: Record
    need: Need = ()
    circumstances: "Circumstances | None" = None


@dataclass(frozen=True, slots=True)
class ApprovalRequired:
    """Denied now, but these minimal vectors of approvals would permit it."""

    facts: Facts
    record: Record
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """Not permitted. `reason` is for receipts and people, never for the agent."""

    reason: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Unavailable(Denied):
    """Nobody was asked for permission, since the facts could not be read: nothing goes out, and it is no refusal."""

    outage: Outage = "unreachable"
    connection: str = ""


Decision = Permitted | ApprovalRequired | Denied


@dataclass(frozen=True, slots=True)
class Rate:
    """How often an agent used a contract, and for how much; what is in flight or in doubt is part of it."""

    last_hour: int = 0
    last_day: int = 0
    spent_last_day: int = 0

    def plus(self, more: "Rate") -> "Rate":
        """Both together."""
        return Rate(
            self.last_hour + more.last_hour,
            self.last_day + more.last_day,
            self.spent_last_day + more.spent_last_day,
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on beside the request: time, change freeze, repeats, rate, plan, open incidents.

    `spends` is what the request itself would take from its budget.
    """

    now_ms: int
    change_freeze: bool = False
    repeat: int = 0
    rate: Rate = Rate()
    spends: int = 0
    plan_size: int = 0
    wave: int = 0
    open_incident: bool = False


class Decider:
    """Decisions of one release. Holds parsed handles only; about 0.3 ms per decision."""

    def __init__(self, bundle: Bundle, programs: Mapping[str, Program]) -> None:
        self.bundle = bundle
        self._programs = programs
        self._early = lru_cache(maxsize=4096)(self._early_decision)
        self._base = lru_cache(maxsize=4096)(self._base_of)
        self._checked = lru_cache(maxsize=256)(self._checked_of)

    def may_observe(self, request: ActionRequest, caller: Caller, target: Target | None) -> MayObserve | Denied:
        """The early decision, resource unknown. Denied here means: whatever the resource looks like."""
        if target is None:
            return Denied("no such connection in the agent's tenant")
        denied = self.denied_early(request.contract, caller, target)
        if denied:
            return denied
        return MayObserve(request, time.monotonic() + 15.0)

    def denied_early(self, contract: str, caller: Caller, target: Target) -> Denied | None:
        """Denied for every resource of this connection? Cached per release, caller and connection."""
        return self._early(contract, caller, target.tenant, target.environment)

    def _early_decision(self, contract: str, caller: Caller, tenant: str, environment: str) -> Denied | None:
        # INVARIANT: only an agent that somebody named acts for a person
        if not caller.delegated and self._programs[contract].is_write:  # guard: only an agent acts for a person
            return Denied("the token names no agent that acts for its person", None)
        sliced = self.bundle.slices[contract]
        bound = bind_resource(sliced.nodes, tenant, environment)
        principals = self._principals(caller)
        entities = self.bundle.entities(principals)
        requests = [
            {"principal": f"{kind}::{quoted(name)}", "action": f"Action::{quoted(contract)}"}
            for kind, name in (("Agent", caller.agent), ("Person", caller.person))
        ]
        results = [cedarpy.is_authorized_partial(request, bound, entities) for request in requests]
        denied = [r.decision is cedarpy.Decision.Deny or bool(r.diagnostics.errors) for r in results]
        if not any(denied):
            return None
        who = ("agent", "person")
        record = Record(
            policies={n: tuple(sorted(r.diagnostics.reasons)) for n, r in zip(who, results, strict=True)},
            errors=tuple(e for r in results for e in r.diagnostics.errors),
            slice_digest=sliced.digest,
            schema_digest=self.bundle.schema_digest,
            entities=orjson.dumps(principals, option=orjson.OPT_SORT_KEYS),
            requests=orjson.dumps(requests, option=orjson.OPT_SORT_KEYS),
            partial=True,  # guard: the question of an early denial
        )
        return Denied(self._why(contract, caller, record, [n for n, no in zip(who, denied, strict=True) if no]), record)

    def _why(self, contract: str, caller: Caller, record: Record, denied: Sequence[str]) -> str:
        """What forbids it, or which permit or role is missing, as a sentence for people."""
        reasons = []
        for who in denied:
            name, roles = (caller.agent, caller.roles) if who == "agent" else (caller.person, caller.person_roles)
            policies = record.policies.get(who, ())
            reasons.append(_missing(self.bundle.slices[contract], contract, f"the {who} `{name}`", roles, policies))
        if record.errors:
            reasons.append(f"{len(record.errors)} policies could not be evaluated")
        return "; ".join(reasons) or "not permitted"

    def decide(
        self,
        request: ActionRequest,
        caller: Caller,
        facts: Facts,
        circumstances: Circumstances,
        approvals: Mapping[str, int] = NO_APPROVALS,
        oldest_seconds: int = 0,
    ) -> Decision:
        """Permitted iff Cedar permits agent and person, without an error, with exactly these verified approvals."""
        sliced = self.bundle.slices[request.contract]
        entities, document = self._entities(request, caller, facts)
        if isinstance(entities, Denied):
            return entities
        held = {role: count for role, count in approvals.items() if role in self.bundle.roles}

        def ask(approvals: Mapping[str, int], oldest: int, guarded: bool) -> dict[str, object]:
            return self._context(request, caller, facts, circumstances, approvals, oldest, guarded)

        def evaluate(*contexts: dict[str, object]) -> tuple[list[bool], Record]:
            return self._evaluate(sliced, entities, document, _queries(request, caller, facts), contexts)

        allowed, record = evaluate(ask(held, oldest_seconds, True))
        guarded = True
        if "guarded" in sliced.reads:
            # INVARIANT: guarded is this very request, by a guard that forbids it while nobody has approved
            alone = evaluate(ask({}, 0, True))[1] if any(held.values()) else record
            # guard: guarded is this request
            guarded = any(name in sliced.guards for names in alone.policies.values() for name in names)
        if not guarded:
            allowed, record = evaluate(ask(held, oldest_seconds, False))
        if allowed[0]:
            return Permitted(facts, record, tuple(sorted((r, n) for r, n in held.items() if n)), circumstances)
        denied = [who for who, ids in record.policies.items() if not _permits(sliced, ids)]
        vectors = [v for v in sliced.vectors if any(n for _, n in v)]
        if not vectors:
            return Denied(self._why(request.contract, caller, record, denied), record)
        permitted, _ = evaluate(*(ask(dict(v), 0, guarded) for v in vectors))
        needs = _minimal([v for v, ok in zip(vectors, permitted, strict=True) if ok])
        if needs:
            return ApprovalRequired(facts, record, needs)
        return Denied(self._why(request.contract, caller, record, denied), record)

    def may_approve(
        self,
        request: ActionRequest,
        caller: Caller,
        facts: Facts,
        circumstances: Circumstances,
        person: Caller,
        role: str,
    ) -> frozenset[str] | None:
        """The policies by which Cedar now permits `approve:<contract>` for this person in this role; None when not."""
        if role not in person.person_roles or role not in self.bundle.roles:
            return None
        sliced = self.bundle.slices[f"approve:{request.contract}"]
        delta = [
            *self._principals(caller),
            self._resource(facts),
        ]
        if person.person != caller.person:
            delta.append(principal("Person", person.person, person.tenant, person.person_roles & self.bundle.roles))
        try:
            entities = self.bundle.entities(delta)
        except ValueError:
            return None
        query = {
            "principal": {"type": "Person", "id": person.person},
            "action": {"type": "Action", "id": f"approve:{request.contract}"},
            "resource": {"type": facts.resource_type, "id": facts.resource_id},
            "context": {
                "role": entity("Role", role),
                "params": self._params(request),
                "requester": entity("Person", caller.person),
                "agent": entity("Agent", caller.agent),
                "env": _env(circumstances),
            },
        }
        result = cedarpy.is_authorized(query, sliced.policies, entities, self.bundle.schema)
        allowed = result.decision is cedarpy.Decision.Allow and not result.diagnostics.errors
        return frozenset(result.diagnostics.reasons) if allowed else None

    def _entities(
        self, request: ActionRequest, caller: Caller, facts: Facts
    ) -> tuple[cedarpy.Entities | Denied, bytes]:
        resource = self._resource(facts)
        document = orjson.dumps([*self._principals(caller), resource], option=orjson.OPT_SORT_KEYS)
        try:
            return self._checked(caller, orjson.dumps(resource)), document
        except ValueError:
            return Denied("the live attributes do not fit the schema"), document

    def _checked_of(self, caller: Caller, resource: bytes) -> cedarpy.Entities:
        """The entities of one decision; asking, approving and doing decide on the same ones again."""
        return self.bundle.entities([orjson.loads(resource)], self._base(caller))

    def _base_of(self, caller: Caller) -> cedarpy.Entities:
        """Both principals, checked once per release and caller."""
        return self.bundle.entities(self._principals(caller))

    def _principals(self, caller: Caller) -> list[dict[str, object]]:
        # INVARIANT: an undeclared role among the parents would fail the build; only declared ones count.
        return [
            # guard: declared roles only
            principal("Agent", caller.agent, caller.tenant, caller.roles & self.bundle.roles),
            principal("Person", caller.person, caller.tenant, caller.person_roles & self.bundle.roles),
        ]

    def _resource(self, facts: Facts) -> dict[str, object]:
        attributes: dict[str, object] = dict(facts.attributes)
        attributes["tenant"] = facts.tenant
        attributes["environment"] = entity("Environment", facts.environment)
        return {"uid": {"type": facts.resource_type, "id": facts.resource_id}, "attrs": attributes, "parents": []}

    def _context(
        self,
        request: ActionRequest,
        caller: Caller,
        facts: Facts,
        circumstances: Circumstances,
        approvals: Mapping[str, int],
        oldest_seconds: int,
        guarded: bool,
    ) -> dict[str, object]:
        counts = {role: approvals.get(role, 0) for role in self.bundle.roles}
        counts[RESERVED_ROLE] = oldest_seconds
        context: dict[str, object] = {
            "params": self._params(request),
            "person": entity("Person", caller.person),
            "env": _env(circumstances),
            "origin": {"trusted": facts.origin_trusted},
            "approvals": counts,
            "guarded": guarded,
            "repeat": circumstances.repeat,
            "rate": {
                "lastHour": circumstances.rate.last_hour,
                "lastDay": circumstances.rate.last_day,
                "spentLastDay": circumstances.rate.spent_last_day,
                "spends": circumstances.spends,
            },
            "plan": {"size": circumstances.plan_size, "wave": circumstances.wave},
            "resourceOpenIncident": circumstances.open_incident,
        }
        if facts.asked is not None:
            context["request"] = dict(facts.asked)
        return context

    def _params(self, request: ActionRequest) -> dict[str, object]:
        program = self._programs[request.contract]
        out: dict[str, object] = {}
        for name, value in request.params.items():
            enum = program.contract.inputs[name].enum
            out[name] = entity(enum_type(request.contract, name), str(value)) if enum else value
        for name in request.late:  # no policy of the slice reads it: `Release.parse_step` refuses it otherwise
            field = program.contract.inputs[name]
            value = placeholder(field)
            out[name] = entity(enum_type(request.contract, name), str(value)) if field.enum else value
        return out

    def _evaluate(
        self,
        sliced: Slice,
        entities: cedarpy.Entities,
        document: bytes,
        queries: Sequence[Mapping[str, object]],
        contexts: Sequence[Mapping[str, object]],
    ) -> tuple[list[bool], Record]:
        """Is each context permitted to everybody who asks? And the record of the first one."""
        # INVARIANT: what comes from a caller is always asked about, so that the schema checks it
        own = [{key: c[key] for key in c if key == "params" or key in sliced.reads} for c in contexts]
        texts = [orjson.dumps(context, option=orjson.OPT_SORT_KEYS).decode() for context in own]
        requests = [{**query, "context": text} for text in texts for query in queries]
        # INVARIANT: always with the schema; without it a parameter could become a real entity.
        # guard: requests with schema
        results = cedarpy.is_authorized_batch(requests, sliced.policies, entities, self.bundle.narrow)
        # INVARIANT: a forbid whose evaluation errors is skipped by Cedar, so an error is never a permit.
        allowed = [
            # guard: an error is no permit
            all(r.decision is cedarpy.Decision.Allow and not r.diagnostics.errors for r in results[i : i + 2])
            for i in range(0, len(results), 2)
        ]
        names = ("agent", "person")
        whole = orjson.Fragment(orjson.dumps(contexts[0], option=orjson.OPT_SORT_KEYS))
        record = Record(
            policies={n: tuple(sorted(r.diagnostics.reasons)) for n, r in zip(names, results[:2], strict=True)},
            errors=tuple(e for r in results[:2] for e in r.diagnostics.errors),
            slice_digest=sliced.digest,
            schema_digest=self.bundle.schema_digest,
            entities=document,
            requests=orjson.dumps([{**query, "context": whole} for query in queries], option=orjson.OPT_SORT_KEYS),
        )
        return allowed, record


def _permits(sliced: Slice, ids: Sequence[str]) -> bool:
    """Are these the policies of a permit, and not of a forbid or of nothing?"""
    return bool(ids) and all(sliced.nodes[name].effect == "permit" for name in ids)


def _missing(sliced: Slice, contract: str, whom: str, roles: frozenset[str], policies: Sequence[str]) -> str:
    """Why one principal is not permitted: the policies that forbid it, else what its permits ask for."""
    forbids = [f"`{name}`" for name in policies if sliced.nodes[name].effect == "forbid"]
    if forbids:
        return f"{', '.join(forbids)} forbids it to {whom}"
    permits = sorted(name for name, node in sliced.nodes.items() if node.effect == "permit")
    if not permits:
        return f"no policy permits `{contract}` to anybody"
    wanted = sorted({role for name in permits for role in _roles_of(sliced.nodes[name].principal)})
    named = ", ".join(f"`{name}`" for name in permits)
    if wanted and not roles & set(wanted):
        held = ", ".join(sorted(roles)) or "no role"
        return f"{whom} holds {held}, and {named} permits `{contract}` to {', '.join(wanted)} only"
    return f"no permit of `{contract}` applies to {whom} here ({named})"


def _roles_of(principal: pst.PrincipalOrResourceConstraint) -> tuple[str, ...]:
    """The role that a policy's scope names."""
    if not isinstance(principal, pst.ScopeIn | pst.ScopeIsIn) or not isinstance(principal.entity, pst.EntityUid):
        return ()
    return (principal.entity.id,) if str(principal.entity.type) == "Role" else ()


def _minimal(vectors: list[Need]) -> tuple[Need, ...]:
    found: list[dict[str, int]] = []
    for vector in vectors:  # in order of their sums, so a smaller one comes first
        counts = dict(vector)
        if not any(all(counts.get(role, 0) >= n for role, n in small.items()) for small in found):
            found.append(counts)
    return tuple(tuple(sorted((r, n) for r, n in counts.items() if n)) for counts in found)


def _queries(request: ActionRequest, caller: Caller, facts: Facts) -> list[Mapping[str, object]]:
    """Who asks for what, without the context: the agent, and the person that it acts for."""
    action = {"type": "Action", "id": request.contract}
    resource = {"type": facts.resource_type, "id": facts.resource_id}
    return [
        {"principal": {"type": kind, "id": name}, "action": action, "resource": resource}
        for kind, name in (("Agent", caller.agent), ("Person", caller.person))
    ]


def _env(circumstances: Circumstances) -> dict[str, object]:
    return {"now": instant(circumstances.now_ms // 1000), "changeFreeze": circumstances.change_freeze}
