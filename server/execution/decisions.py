"""What Cedar says of one action on live facts: with the approvals that count, the rates, the incidents, the budget.

`Decisions` gathers what a policy of the action's slice reads, and nothing else: a count that no policy reads is not
counted. It looks at no target and counts no approval: both are handed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.trace import SpanKind

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from policies.decision import (
    ApprovalRequired,
    Decision,
    DecisionContext,
    Denied,
    Permitted,
    Rate,
    ResourceFacts,
    Unavailable,
)
from policies.release import Release
from policies.resource_facts import establish_facts
from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.statement.statement import StatementSubject
from server.execution.resolved_action import ResolvedAction
from server.observability import metrics, tracing

NO_USE = Rate()
"""Earlier steps of a plan take nothing from a rate or a budget."""
UNKNOWN_COST = 2**53 - 1
"""More than any budget: the largest integer that JSON carries exactly (RFC 8259, section 6)."""
_WORDS: Mapping[type, str] = {
    Permitted: "permitted",
    ApprovalRequired: "approval",
    Denied: "denied",
    Unavailable: "unavailable",
}


@dataclass(frozen=True, slots=True)
class ApprovalCount:
    """How many approvals count, by role, and the age of the oldest in seconds."""

    roles: Mapping[str, int] = field(default_factory=dict)
    oldest_seconds: int = 0


NO_APPROVALS = ApprovalCount()


class Decisions:
    """Decides actions under one release."""

    def __init__(self, journal: Journal, release: Release) -> None:
        self._journal = journal
        self._release = release

    async def decide(
        self,
        resolved: ResolvedAction,
        before: Observation,
        approvals: ApprovalCount = NO_APPROVALS,
        used_by_earlier_steps: Rate = NO_USE,
    ) -> Decision:
        """Cedar's word on live attributes, with these verified approvals."""
        action, request = resolved.action, resolved.request
        with (
            metrics.time_step("decide"),
            tracing.span("decide", SpanKind.INTERNAL, {"ailyus.contract": request.contract}) as own,
        ):
            facts = establish_facts(resolved.program, request, resolved.target, before)
            if isinstance(facts, Denied):
                decision: Decision = facts
            else:
                context = await self.context(action, facts, used_by_earlier_steps)
                decision = self._release.decider.decide(
                    request, action.caller, facts, context, approvals.roles, approvals.oldest_seconds
                )
            if own is not None:
                own.set_attribute("ailyus.decision", _WORDS[type(decision)])
        metrics.record_decision(request.contract, _WORDS[type(decision)])
        return decision

    async def context(
        self, action: Action, facts: ResourceFacts | None = None, used_by_earlier_steps: Rate = NO_USE
    ) -> DecisionContext:
        """What a decision depends on beside the request, now; counted only where a policy of the slice reads it."""
        request, journal = action.request, self._journal
        first = action.first or request.kind == "read"
        reads = self._release.decider.bundle.slices[request.contract].reads
        incident = False
        if facts is not None and "resourceOpenIncident" in reads:
            incident = journal.controls.has_incident(self.resource(request, facts))
        # counted in the store, so it is not asked for where no policy looks
        rate = await journal.rate(action) if "rate" in reads else Rate()
        return DecisionContext(
            journal.store.now_ms(),
            self._release.change_freeze,
            0 if first else await journal.repeats(request.call_key, action.id),
            rate=rate.plus(used_by_earlier_steps) if "rate" in reads else rate,
            spends=self.budget_cost(request),
            plan_size=action.step.size if action.step else 0,
            wave=action.step.wave if action.step else 0,
            open_incident=incident,
        )

    def budget_cost(self, request: ActionRequest) -> int:
        """What a request takes from a budget; what cannot be told is more than any budget."""
        program = self._release.catalog.programs[request.contract]
        if program.spends is None:
            return 0
        value = program.spends.value(program.scope(request.params, request.tenant, ""))
        # `True` is an int to Python, and no amount to anybody
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else UNKNOWN_COST

    def resource(self, request: ActionRequest, what: ResourceFacts | StatementSubject) -> str:
        """The pseudonym by which incidents and locks know a resource."""
        name = f"{request.connection}/{what.resource_type}/{what.resource_id}"
        return self._journal.notary.pseudonym(request.tenant, "incident", name)
