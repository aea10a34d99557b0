"""What Cedar says of one action on live facts: with the approvals that count, the rates, the incidents, the budget.

`Decisions` gathers what a policy of the action's slice reads, and nothing else: a count that no policy reads is not
counted. It looks at no target and counts no approval: both are handed in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from opentelemetry.trace import SpanKind

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from policies.budget import FULL, Budget, cost_of, share_of
from policies.decision import (
    ApprovalRequired,
    Decision,
    DecisionContext,
    DecisionRecord,
    Denied,
    Permitted,
    Rate,
    ResourceFacts,
    Unavailable,
)
from policies.release import Release
from policies.resource_facts import establish_facts
from policies.session_history import shown_names
from receipts.action.action import Action
from receipts.journal.budget_count import BudgetCount, BudgetScope
from receipts.journal.journal import Journal
from receipts.statement.statement import StatementSubject
from server.execution.resolved_action import ResolvedAction
from server.observability import metrics, tracing
from server.results.budget_line import budget_line

_HOUR_MS = 3_600_000
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


@dataclass(frozen=True, slots=True)
class EarlierUse:
    """What earlier steps of a plan will have taken from the contract's rate and from budgets, by `key_of`.

    `contracts` are those whose data they will have read.
    """

    rate: Rate = field(default_factory=Rate)
    budgets: Mapping[tuple[str, str], int] = field(default_factory=dict)
    contracts: frozenset[str] = frozenset()

    def of(self, budget: Budget, request: ActionRequest) -> int:
        """What they take from the count of a budget that a request takes from."""
        return self.budgets.get(self.key_of(budget, request), 0)

    @staticmethod
    def key_of(budget: Budget, request: ActionRequest) -> tuple[str, str]:
        """Which count of a budget a request of one plan takes from: all its steps have one tenant and one agent."""
        return (budget.name, request.connection if budget.text.per == "connection" else "")


NO_USE = EarlierUse()
"""Earlier steps of a plan take nothing from a rate or a budget."""


Observe = Callable[[str, ActionRequest, DecisionRecord | None], None]
"""Told of each decision after it was made: the action's id, what it asks for, and what Cedar was asked.

INVARIANT: it gives nothing back, so that nobody who is told can permit or deny anything.
"""


def unobserved(action: str, request: ActionRequest, record: DecisionRecord | None) -> None:
    """Nobody looks."""


class Decisions:
    """Decides actions under one release, and tells `observe` of each decision."""

    def __init__(self, journal: Journal, release: Release, observe: Observe = unobserved) -> None:
        self._journal = journal
        self._release = release
        self.observe = observe

    async def decide(
        self,
        resolved: ResolvedAction,
        before: Observation,
        approvals: ApprovalCount = NO_APPROVALS,
        earlier: EarlierUse = NO_USE,
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
                context = await self.context(action, facts, earlier)
                decision = self._release.decider.decide(
                    request, action.caller, facts, context, approvals.roles, approvals.oldest_seconds
                )
            if own is not None:
                own.set_attribute("ailyus.decision", _WORDS[type(decision)])
        metrics.record_decision(request.contract, _WORDS[type(decision)])
        self.observe(action.id, request, decision.record)
        return decision

    async def denied_by_budget(self, resolved: ResolvedAction, earlier: EarlierUse = NO_USE) -> Denied | None:
        """Denied by what budgets have come to, whatever the record holds; None where it is to be read, and decides."""
        action, request, decider = resolved.action, resolved.request, self._release.decider
        if "budget" not in decider.bundle.slices[request.contract].reads:
            return None
        if not (budgets := await self._budgets(action, earlier)):
            return None
        denied = decider.denied_by_budget(request.contract, action.caller, resolved.target, budgets)
        if denied is None:
            return None
        metrics.record_decision(request.contract, _WORDS[Denied])
        self.observe(action.id, request, denied.record)
        named = decider.early.budgets_of(request.contract, denied)
        counts = [count for count in self.budget_counts(request) if count.budget.name in named]
        scope, now_ms = BudgetScope.of(action), self._journal.store.now_ms()
        uses = await self._journal.store.read_aside(
            lambda read: [count.use_of(read, scope, self.share(count.budget, action), now_ms) for count in counts]
        )
        return replace(denied, reason="; ".join([denied.reason, *map(budget_line, uses)]))

    async def context(
        self, action: Action, facts: ResourceFacts | None = None, earlier: EarlierUse = NO_USE
    ) -> DecisionContext:
        """What a decision depends on beside the request, now; counted only where a policy of the slice reads it."""
        request, journal = action.request, self._journal
        first = action.first or request.kind == "read"
        reads = self._release.decider.bundle.slices[request.contract].reads
        incident = False
        if facts is not None and "resourceOpenIncident" in reads:
            incident = await journal.controls.has_open_incident(self.resource(request, facts))
        # counted in the store, so it is not asked for where no policy looks
        rate = await journal.rate(action) if "rate" in reads else Rate()
        return DecisionContext(
            journal.store.now_ms(),
            self._release.change_freeze,
            0 if first else await journal.repeats(request.call_key, action.id),
            rate=rate.plus(earlier.rate) if "rate" in reads else rate,
            spends=self.budget_cost(request),
            plan_size=action.step.size if action.step else 0,
            wave=action.step.wave if action.step else 0,
            open_incident=incident,
            incident=self._release.incident,
            time_zone=self._release.time_zone,
            budgets=await self._budgets(action, earlier) if "budget" in reads else {},
            saw=await self._saw(action, earlier) if "session" in reads else None,
        )

    async def _saw(self, action: Action, earlier: EarlierUse) -> frozenset[str]:
        """What the agent was shown for its person, and what earlier steps will have read, with the groups of both."""
        since_ms = self._journal.store.now_ms() - self._release.session_hours * _HOUR_MS
        names = await self._journal.shown(action, since_ms) | earlier.contracts
        programs = self._release.catalog.programs
        return names | shown_names(programs[name] for name in names if name in programs)

    async def _budgets(self, action: Action, earlier: EarlierUse) -> dict[str, int]:
        """What others and earlier steps took from each budget, with what this request takes."""
        taken = {}
        for count in self.budget_counts(action.request):
            budget = count.budget
            used = await self._journal.used(count, action) + earlier.of(budget, action.request)
            taken[budget.name] = min(used + self.share(budget, action), FULL)
        return taken

    def budget_counts(self, request: ActionRequest) -> tuple[BudgetCount, ...]:
        """The budgets that cover a request, to be counted."""
        budgets = self._release.decider.bundle.budgets.of(request.contract)
        return tuple(BudgetCount(one, self._release.time_zone) for one in budgets)

    def share(self, budget: Budget, action: Action) -> int:
        """What one action takes from a budget; what takes another one back takes nothing."""
        takes = action.request.kind == "write" and action.undoes is None
        return share_of(budget, is_write=takes, spends=self.budget_cost(action.request))

    def budget_cost(self, request: ActionRequest) -> int:
        """What a request takes from a budget; what cannot be told is more than any budget."""
        return cost_of(self._release.catalog.programs[request.contract], request.params, request.tenant)

    def resource(self, request: ActionRequest, what: ResourceFacts | StatementSubject) -> str:
        """The pseudonym by which incidents and locks know a resource."""
        name = f"{request.connection}/{what.resource_type}/{what.resource_id}"
        return self._journal.notary.pseudonym(request.tenant, "incident", name)
