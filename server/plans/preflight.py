"""Looking at a whole plan before its first step: every step observed and decided, and its undo too."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from contracts.action.observation import Observation
from contracts.compiler.body import Body
from contracts.compiler.expressions import Fault
from contracts.compiler.plan_program import Unit
from contracts.errors import AilyusError
from policies.approval_requirement import ApprovalRequirement
from policies.decision import ApprovalRequired, Denied, Rate, Unavailable
from policies.plan_parser import PlanRequest
from receipts.action.action import Action, PlanStep
from receipts.reconciliation.checks import checks_of
from server.execution.approval_request import ReviewedRequest, pinned
from server.execution.decisions import NO_USE, EarlierUse
from server.execution.executor import ActionExecutor
from server.execution.resolved_action import ResolvedAction
from server.plans.tally import Tally
from server.results.action_sentence import plan_sentence

SIDE_BY_SIDE = 16
"""Steps that are looked at side by side."""


@dataclass(frozen=True, slots=True)
class StepPreflight:
    """One step as it is now: permitted, or permitted with approvals; and the same of its undo."""

    unit: Unit
    resolved: ResolvedAction
    part: ReviewedRequest
    before: Observation
    pins: Mapping[str, str]
    says: tuple[str, tuple[str, ...]]
    undo: str
    undo_part: ReviewedRequest | None


@dataclass(frozen=True, slots=True)
class Unmet:
    """An item that is left out, since a condition of its contract does not hold, and which."""

    sentence: str


@dataclass(frozen=True, slots=True)
class PlanPreflight:
    """The whole plan as it is now. `unmet` are those of `left_out` whose conditions do not hold."""

    planned: PlanRequest
    looks: tuple[StepPreflight, ...]
    left_out: dict[str, str]
    needs: tuple[ApprovalRequirement, ...]
    unmet: dict[str, str]

    def told(self, action: Action) -> Action:
        """The plan's action with its sentence: its title, and whom or what its steps are about."""
        if action.sentence is not None:
            return action
        plan, facts = self.planned.program.plan, [look.part.facts for look in self.looks]
        records = [one.label or one.resource_id for one in facts]
        said = plan_sentence(action.request.contract, plan.title, plan.inputs, action.request.params, records)
        names = {name for one in facts for name in (one.label, one.resource_id) if name}
        return replace(action, sentence=said, names=frozenset(names))

    @property
    def tally(self) -> Tally:
        """Every step of it, before any was taken."""
        return Tally(self.planned.units, {}, self.left_out, self.unmet)

    @property
    def pins(self) -> dict[str, dict[str, str]]:
        """What the approval pins, by step."""
        return {look.unit.key: dict(look.pins) for look in self.looks}

    @property
    def parts(self) -> tuple[ReviewedRequest, ...]:
        """Every request that an approval lets go, undo steps included."""
        return tuple(p for look in self.looks for p in (look.part, look.undo_part) if p is not None)


@dataclass(frozen=True, slots=True)
class DecidedStep:
    """One request of a plan, as it was looked at and decided: permitted, or permitted with approvals."""

    resolved: ResolvedAction
    before: Observation
    part: ReviewedRequest


class Preflight:
    """Looks at plans for one live release."""

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor

    async def look(self, action: Action, planned: PlanRequest) -> PlanPreflight | Denied:
        """Observe and decide every step; one that is not permitted denies the whole, unless it may be left out."""
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        ahead = self._used_by_earlier_steps(action, planned)

        async def one(position: int) -> StepPreflight | Unmet | Denied:
            async with gate:
                return await self._look(action, planned, position, ahead[position])

        found = await asyncio.gather(*(one(p) for p in range(len(planned.units))))
        pairs = list(zip(planned.units, found, strict=True))
        gone = {unit.group: r.reason for unit, r in pairs if isinstance(r, Denied) and unit.skip_missing}
        wanting = {unit.group: r.sentence for unit, r in pairs if isinstance(r, Unmet)}
        looks: list[StepPreflight] = []
        for unit, result in pairs:
            if isinstance(result, Unavailable):  # guard: what could not be read is not left out
                # INVARIANT: what could not be read is never told as a record that does not exist
                return replace(result, reason=f"step `{unit.key}`: {result.reason}")
            if isinstance(result, StepPreflight) and unit.group not in gone | wanting:
                looks.append(result)
            elif isinstance(result, Denied) and unit.group not in gone | wanting:
                return Denied(f"step `{unit.key}`: {result.reason}", result.record)
        left_out = {unit.key: why for unit in planned.units if (why := (wanting | gone).get(unit.group))}
        unmet = {unit.key: wanting[unit.group] for unit in planned.units if unit.group in wanting.keys() - gone.keys()}
        if not looks:
            return Denied("no step of the plan is permitted, or none of its records exists")
        needs = merge_requirements([p.needs for look in looks for p in (look.part, look.undo_part) if p and p.needs])
        return PlanPreflight(planned, tuple(looks), left_out, needs, unmet)

    def _used_by_earlier_steps(self, action: Action, planned: PlanRequest) -> list[EarlierUse]:
        """For each step what the earlier ones will have taken: of the same contract from its rate, and from budgets."""
        taken: dict[str, Rate] = {}
        budgets: Counter[tuple[str, str]] = Counter()
        decisions, ahead = self._executor.decisions, []
        # of which the later ones may pass on what they read
        read: set[str] = set()
        for request in planned.steps:
            before = taken.get(request.contract, Rate())
            ahead.append(EarlierUse(before, dict(budgets), frozenset(read)))
            read.add(request.contract)
            taken[request.contract] = before.plus(Rate(1, 1, decisions.budget_cost(request)))
            for count in decisions.budget_counts(request):
                key = EarlierUse.key_of(count.budget, request)
                budgets[key] += decisions.share(count.budget, replace(action, request=request))
        return ahead

    async def _look(
        self, action: Action, planned: PlanRequest, position: int, ahead: EarlierUse
    ) -> StepPreflight | Unmet | Denied:
        unit, request = planned.units[position], planned.steps[position]
        step = PlanStep(action.id, 0, position, len(planned.units), unit.key, unit.wave, action.request.action_digest)
        decided = await self._decided(replace(action, request=request, step=step, first=True), ahead)
        if isinstance(decided, Denied):
            return decided
        resolved, before, program = decided.resolved, decided.before, decided.resolved.program
        scope = resolved.scope(before)
        if unit.skip_unmet and planned.is_first(position):
            checks = checks_of(program.require, scope, before.cut("before"))
            pairs = zip(program.require, checks, strict=True)
            wanting = next((c.sentence for c, is_so in pairs if not is_so.met), None)
            if wanting is not None:
                return Unmet(wanting)
        said = program.says.told(scope) if program.says else (program.contract.title, ())
        says = (program.contract.title, ()) if isinstance(said, Fault) else said
        undo = await self._undo(decided, planned, unit)
        if isinstance(undo, Denied):
            return undo
        pins = pinned(program, decided.part.facts, scope, self._executor.journal.hiding)
        return StepPreflight(unit, resolved, decided.part, before, pins, says, undo[0], undo[1])

    async def _decided(self, child: Action, ahead: EarlierUse = NO_USE) -> DecidedStep | Denied:
        executor = self._executor
        resolved = executor.resolve(child)
        if isinstance(resolved, Denied):
            return resolved
        if full := await executor.decisions.denied_by_budget(resolved, ahead):
            return full
        before = await executor.observe(resolved.permit)
        decision = await executor.decisions.decide(resolved, before, earlier=ahead)
        if isinstance(decision, Denied):
            return decision
        needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
        context = await executor.decisions.context(child, decision.facts, ahead)
        return DecidedStep(resolved, before, ReviewedRequest(child.request, decision.facts, context, needs))

    async def _undo(
        self, decided: DecidedStep, planned: PlanRequest, unit: Unit
    ) -> tuple[str, ReviewedRequest | None] | Denied:
        """The undo of a step is decided with it; what the step will make is not known yet."""
        program = decided.resolved.program
        if program.undo is None or planned.program.plan.on_failure not in ("undo", "undo_wave"):
            return "it cannot be undone by ailyus" if program.undo is None else "it stays", None
        child, release = decided.resolved.action, self._executor.release
        tree = program.undo.arguments.tree
        early = {n: v for n, v in tree.items() if n not in program.undo.late} if isinstance(tree, dict) else {}
        scope = decided.resolved.scope(decided.before)
        arguments = Body(early, program.undo.arguments.templates).filled(scope, frozenset())
        if isinstance(arguments, Fault) or not isinstance(arguments, dict):
            return Denied("its undo cannot be built")
        late = {name: (unit.key, name) for name in program.undo.late}
        undo = release.catalog.programs[program.undo.contract]
        several = len(release.targets.candidates(undo, child.request.tenant)) > 1
        connection = child.request.connection if several else None
        key = f"undo {unit.key}"
        back = Unit(key, unit.step, unit.block, unit.wave, undo.name, connection, arguments, late, False)
        try:
            request = release.calls.parse_step(back, child.caller, child.request.reason, key)
        except AilyusError as error:
            return Denied(f"its undo cannot be built: {error.sentence}")
        taken_back = await self._decided(replace(child, request=request))
        if isinstance(taken_back, Denied):
            said = "cannot be looked at" if isinstance(taken_back, Unavailable) else "is not permitted"
            return replace(taken_back, reason=f"its undo {said}: {taken_back.reason}")
        known = orjson.dumps(dict(request.params), option=orjson.OPT_SORT_KEYS).decode()
        return f"{undo.name} takes it back: {known}", taken_back.part


def merge_requirements(all_needs: Sequence[tuple[ApprovalRequirement, ...]]) -> tuple[ApprovalRequirement, ...]:
    """The minimal vectors of approvals that satisfy every step: for each role the highest count."""
    vectors: list[dict[str, int]] = [{}]
    for needs in dict.fromkeys(all_needs):
        joined = []
        for vector in vectors:
            for need in needs:
                more = dict(need)
                joined.append({r: max(vector.get(r, 0), more.get(r, 0)) for r in {*vector, *more}})
        vectors = [v for i, v in enumerate(joined) if v not in joined[:i]][:256]
    least = [
        v
        for v in vectors
        if not any(o is not v and o != v and all(v.get(r, 0) >= n for r, n in o.items()) for o in vectors)
    ]
    return tuple(tuple(sorted(v.items())) for v in least if v)
