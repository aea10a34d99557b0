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
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import lru_cache

import cedarpy
import orjson

from contracts.action.dispatch import ReadPermit
from contracts.action.request import ActionRequest, Caller
from contracts.action.target import Target
from contracts.compiler.program import Program
from policies.approval_requirement import NO_APPROVALS, minimal
from policies.budget import names_of
from policies.bundle import Bundle
from policies.cedar_request import CedarRequests, Situation, queries_of
from policies.decision import (
    ApprovalRequired,
    CedarAnswer,
    Decision,
    DecisionContext,
    DecisionRecord,
    Denied,
    Permitted,
    ResourceFacts,
)
from policies.denial import permits, reason_of
from policies.early_decision import EarlyDecisions
from policies.policy_slice import Slice
from policies.principal import People, Person
from policies.receipt_policy import DECISIONS
from policies.recorded_request import RecordedRequest

Ask = Callable[[Mapping[str, int], int, bool], dict[str, object]]
"""The context with these approvals, of which the oldest is so old; guarded or not."""
Evaluate = Callable[..., tuple[list[bool], DecisionRecord]]
NOBODY = People()
"""No declared person: then nothing is known of anybody but what a call says."""


class Decider:
    """Decisions of one release. Holds parsed handles only; about 0.3 ms per decision."""

    def __init__(self, bundle: Bundle, programs: Mapping[str, Program], people: People = NOBODY) -> None:
        self.bundle = bundle
        self._people = people
        self._programs = programs
        self._requests = CedarRequests(programs, bundle.roles, bundle.budgets)
        self.early = EarlyDecisions(bundle, self._requests)
        self._early = lru_cache(maxsize=4096)(self._early_decision)
        self._checked = lru_cache(maxsize=256)(self._checked_of)

    def among(self, people: People) -> "Decider":
        """The same decisions about other people. Its caches are shared: their keys hold all that they depend on."""
        other = copy(self)
        other._people = people
        return other

    def may_observe(self, request: ActionRequest, caller: Caller, target: Target | None) -> ReadPermit | Denied:
        """The early decision, resource unknown. Denied here means: whatever the resource looks like."""
        if target is None:
            return Denied("no such connection in the agent's tenant")
        denied = self.denied_early(request.contract, caller, target)
        if denied:
            return denied
        return ReadPermit(request, time.monotonic() + 15.0)

    def denied_early(self, contract: str, caller: Caller, target: Target) -> Denied | None:
        """Denied for every resource of this connection? Cached per release, caller and connection."""
        return self._early(contract, caller, self._people.get(caller.person), (target.tenant, target.environment))

    def denied_by_budget(
        self, contract: str, caller: Caller, target: Target, budgets: Mapping[str, int]
    ) -> Denied | None:
        """Denied for every resource of this connection while budgets, with what this call takes, have come to this?"""
        person, place = self._people.get(caller.person), (target.tenant, target.environment)
        return self.early.denied(contract, caller, person, place, budgets)

    def _early_decision(
        self, contract: str, caller: Caller, person: Person | None, place: tuple[str, str]
    ) -> Denied | None:
        # INVARIANT: only an agent that somebody named acts for a person
        if not caller.delegated and self._programs[contract].is_write:  # guard: only an agent acts for a person
            return Denied("the token names no agent that acts for its person", None)
        return self.early.denied(contract, caller, person, place)

    def decide(
        self,
        request: ActionRequest,
        caller: Caller,
        facts: ResourceFacts,
        decision_context: DecisionContext,
        approvals: Mapping[str, int] = NO_APPROVALS,
        oldest_seconds: int = 0,
    ) -> Decision:
        """Permitted iff Cedar permits agent and person, without an error, with exactly these verified approvals."""
        sliced = self.bundle.slices[request.contract]
        situation = Situation(request, caller, facts, decision_context)
        entities, document = self._entities(caller, facts)
        if isinstance(entities, Denied):
            return entities
        # an approval in a role that is no longer declared is none
        held = {role: count for role, count in approvals.items() if role in self.bundle.roles}

        def ask(approvals: Mapping[str, int], oldest: int, guarded: bool) -> dict[str, object]:
            return self._requests.context(situation, approvals, oldest, guarded)

        def evaluate(*contexts: dict[str, object]) -> tuple[list[bool], DecisionRecord]:
            return self._evaluate(sliced, entities, document, queries_of(situation), contexts)

        answer = self._answer(sliced, evaluate, ask, held, oldest_seconds)
        record = answer.record
        if answer.permitted:
            return Permitted(facts, record, tuple(sorted((r, n) for r, n in held.items() if n)), decision_context)
        if answer.needs:
            return ApprovalRequired(facts, record, answer.needs)
        denied = [who for who, ids in record.policies.items() if not permits(sliced, ids)]
        return Denied(reason_of(sliced, request.contract, caller, record, denied), record)

    def entities_of(self, asked: RecordedRequest) -> cedarpy.Entities:
        """Who and what a recorded request is about. Raises ValueError where it does not fit this release's schema."""
        return self._checked(asked.entities)

    def decide_again(
        self,
        asked: RecordedRequest,
        budgets: Mapping[str, int] = NO_APPROVALS,
        entities: cedarpy.Entities | None = None,
    ) -> CedarAnswer:
        """What this release says to a recorded request, with the approvals that it had. Asks as `decide` does.

        `budgets` are counts in place of those that were recorded, or of ones that were not. `entities` are those of the
        request, checked by a release with the very same schema. Raises ValueError where it does not fit the schema.
        """
        sliced = self.bundle.slices[asked.action]
        entities = self.entities_of(asked) if entities is None else entities
        counted = asked.budgets(names_of(self.bundle.budgets.of(asked.action)), budgets)

        def ask(approvals: Mapping[str, int], oldest: int, guarded: bool) -> dict[str, object]:
            return {**asked.context(self.bundle.roles, approvals, oldest, guarded), **counted}

        def evaluate(*contexts: dict[str, object]) -> tuple[list[bool], DecisionRecord]:
            return self._evaluate(sliced, entities, asked.entities, asked.queries, contexts)

        held = {role: count for role, count in asked.approvals.items() if role in self.bundle.roles}
        return self._answer(sliced, evaluate, ask, held, asked.oldest_seconds)

    def _answer(
        self, sliced: Slice, evaluate: Evaluate, ask: Ask, held: Mapping[str, int], oldest_seconds: int
    ) -> CedarAnswer:
        allowed, record = evaluate(ask(held, oldest_seconds, True))
        guarded = True
        if "guarded" in sliced.reads:
            # INVARIANT: guarded is this very request, by a guard that forbids it while nobody has approved
            alone = evaluate(ask({}, 0, True))[1] if any(held.values()) else record
            # guard: guarded is this request
            guarded = any(name in sliced.guards for names in alone.policies.values() for name in names)
        if not guarded:
            allowed, record = evaluate(ask(held, oldest_seconds, False))
        vectors = [v for v in sliced.vectors if any(n for _, n in v)]
        if allowed[0] or not vectors:
            return CedarAnswer(allowed[0], record, ())
        permitted, _ = evaluate(*(ask(dict(v), 0, guarded) for v in vectors))
        return CedarAnswer(False, record, minimal([v for v, ok in zip(vectors, permitted, strict=True) if ok]))

    def may_approve(
        self,
        request: ActionRequest,
        caller: Caller,
        facts: ResourceFacts,
        decision_context: DecisionContext,
        person: Caller,
        role: str,
    ) -> frozenset[str] | None:
        """The policies by which Cedar now permits `approve:<contract>` for this person in this role; None when not."""
        if role not in person.person_roles or role not in self.bundle.roles:
            return None
        # whoever only reads approves nothing, in whatever other role
        deciding = Person(person.person, "", person.person, person.tenant, person.person_roles)
        # guard: who only reads approves nothing
        if not self.bundle.receipts.permits(DECISIONS, deciding, person.tenant):
            return None
        sliced = self.bundle.slices[f"approve:{request.contract}"]
        documents = [*self._principals(caller), self._requests.resource(facts)]
        if person.person != caller.person:
            documents.append(self._requests.person(person, self._people.get(person.person)))
        try:
            entities = self.bundle.entities(orjson.dumps(documents))
        except ValueError:
            return None
        query = self._requests.approval(Situation(request, caller, facts, decision_context), person.person, role)
        result = cedarpy.is_authorized(query, sliced.policies, entities, self.bundle.schema)
        allowed = result.decision is cedarpy.Decision.Allow and not result.diagnostics.errors
        return frozenset(result.diagnostics.reasons) if allowed else None

    def _principals(self, caller: Caller) -> list[dict[str, object]]:
        return self._requests.principals(caller, self._people.get(caller.person))

    def _entities(self, caller: Caller, facts: ResourceFacts) -> tuple[cedarpy.Entities | Denied, bytes]:
        documents = [*self._principals(caller), self._requests.resource(facts)]
        document = orjson.dumps(documents, option=orjson.OPT_SORT_KEYS)
        try:
            return self._checked(document), document
        except ValueError:
            return Denied("the live attributes do not fit the schema"), document

    def _checked_of(self, document: bytes) -> cedarpy.Entities:
        """The entities of one decision; asking, approving and doing decide on the same ones again."""
        return self.bundle.entities(document)

    def _evaluate(
        self,
        sliced: Slice,
        entities: cedarpy.Entities,
        document: bytes,
        queries: Sequence[Mapping[str, object]],
        contexts: Sequence[Mapping[str, object]],
    ) -> tuple[list[bool], DecisionRecord]:
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
        record = DecisionRecord(
            policies={n: tuple(sorted(r.diagnostics.reasons)) for n, r in zip(names, results[:2], strict=True)},
            errors=tuple(e for r in results[:2] for e in r.diagnostics.errors),
            slice_digest=sliced.digest,
            schema_digest=self.bundle.schema_digest,
            entities=document,
            requests=orjson.dumps([{**query, "context": whole} for query in queries], option=orjson.OPT_SORT_KEYS),
        )
        return allowed, record
