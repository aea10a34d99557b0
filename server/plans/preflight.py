"""Looking at a whole plan before its first step: every step observed and decided, its undo too, and what is asked."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.action.rendered import place_read
from contracts.action.request import ActionRequest
from contracts.canonical import digest, new_id
from contracts.compiler.body import Body
from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.expressions import Fault
from contracts.compiler.plan_program import Unit
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.hiding import Hiding
from policies.approval_document import Display, Line
from policies.decision import ApprovalRequired, Denied, Facts, Rate, Unavailable
from policies.need import Need
from policies.plan_parser import PlanRequest
from policies.run_plan_schema import RUN_PLAN
from receipts.action.action import Action, PlanStep
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import Would, WouldStep
from receipts.reconciliation.checks import checks_of
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.plan_facts import PlanRef
from server.execution.approval_request import (
    ApprovalRequest,
    ApprovalReview,
    ReviewedRequest,
    apart,
    pinned,
    subject_of,
    value_digest,
)
from server.execution.evidence import seen
from server.execution.executor import NOTHING_AHEAD, ActionExecutor
from server.plans import plan_answers
from server.plans.plan_answers import Tally
from server.plans.progress import Progress, Touched
from server.results.description import needed, shown, would

SIDE_BY_SIDE = 16
"""Steps that are looked at side by side."""
_IF_A_STEP_FAILS: Mapping[str, str] = {
    "undo": "what was done is undone, in reverse order",
    "undo_wave": "the wave that failed is undone, earlier waves stay",
    "stop": "it stops there; what was done stays",
    "escalate": "it stops there, and a person is told",
    "continue": "an item of a list that fails is left as it is and the others go on; else the plan stops",
}


@dataclass(frozen=True, slots=True)
class StepPreflight:
    """One step as it is now: permitted, or permitted with approvals; and the same of its undo."""

    unit: Unit
    program: Program
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
    needs: tuple[Need, ...]
    unmet: dict[str, str]

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


class Preflight:
    """Looks at plans for one live release."""

    def __init__(self, steps: ActionExecutor) -> None:
        self._steps = steps

    async def look(self, action: Action, planned: PlanRequest) -> PlanPreflight | Denied:
        """Observe and decide every step; one that is not permitted denies the whole, unless it may be left out."""
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        ahead = self._ahead(planned)

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
        needs = _together([p.needs for look in looks for p in (look.part, look.undo_part) if p and p.needs])
        return PlanPreflight(planned, tuple(looks), left_out, needs, unmet)

    def _ahead(self, planned: PlanRequest) -> list[Rate]:
        """For each step what the earlier ones of the same contract will have taken from its rates and budgets."""
        taken: dict[str, Rate] = {}
        ahead = []
        for request in planned.steps:
            before = taken.get(request.contract, Rate())
            ahead.append(before)
            taken[request.contract] = before.plus(Rate(1, 1, self._steps.spends(request)))
        return ahead

    async def _look(
        self, action: Action, planned: PlanRequest, position: int, ahead: Rate
    ) -> StepPreflight | Unmet | Denied:
        steps, unit, request = self._steps, planned.units[position], planned.steps[position]
        program, target = steps.release.catalog.programs[unit.contract], steps.release.target(request)
        step = PlanStep(action.id, 0, position, len(planned.units), unit.key, unit.wave, action.request.action_digest)
        child = replace(action, request=request, step=step, first=True)
        decided = await self._decided(child, program, ahead)
        if isinstance(decided, Denied) or target is None:
            return decided if isinstance(decided, Denied) else Denied("no connection")
        part, before = decided
        scope = {**steps.base(program, request, target), **before.scope("before")}
        if unit.skip_unmet and planned.is_first(position):
            checks = checks_of(program.require, scope, before.cut("before"))
            wanting = next(
                (c.sentence for c, is_so in zip(program.require, checks, strict=True) if not is_so.met), None
            )
            if wanting is not None:
                return Unmet(wanting)
        said = program.says.told(scope) if program.says else (program.contract.title, ())
        says = (program.contract.title, ()) if isinstance(said, Fault) else said
        undo = await self._undo(child, planned, unit, program, before)
        if isinstance(undo, Denied):
            return undo
        pins = pinned(program, part.facts, scope, steps.journal.hiding)
        return StepPreflight(unit, program, part, before, pins, says, undo[0], undo[1])

    async def _decided(
        self, child: Action, program: Program, ahead: Rate = NOTHING_AHEAD
    ) -> tuple[ReviewedRequest, Observation] | Denied:
        steps = self._steps
        target = steps.release.target(child.request)
        look = steps.release.decider.may_observe(child.request, child.caller, target)
        if isinstance(look, Denied) or target is None:
            return look if isinstance(look, Denied) else Denied("no connection")
        before = await steps.adapter.observe(look)
        decision = await steps.decide(child, program, target, before, ahead=ahead)
        if isinstance(decision, Denied):
            return decision
        needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
        circumstances = await steps.circumstances(child, decision.facts, ahead)
        return ReviewedRequest(child.request, decision.facts, circumstances, needs), before

    async def _undo(
        self, child: Action, planned: PlanRequest, unit: Unit, program: Program, before: Observation
    ) -> tuple[str, ReviewedRequest | None] | Denied:
        """The undo of a step is decided with it; what the step will make is not known yet."""
        if program.undo is None or planned.program.plan.on_failure not in ("undo", "undo_wave"):
            return "it cannot be undone by ailyus" if program.undo is None else "it stays", None
        steps = self._steps
        target = steps.release.target(child.request)
        tree = program.undo.arguments.tree
        early = {n: v for n, v in tree.items() if n not in program.undo.late} if isinstance(tree, dict) else {}
        scope = {**steps.base(program, child.request, target), **before.scope("before")}
        arguments = Body(early, program.undo.arguments.templates).filled(scope, frozenset())
        if isinstance(arguments, Fault) or not isinstance(arguments, dict):
            return Denied("its undo cannot be built")
        late = {name: (unit.key, name) for name in program.undo.late}
        connection = child.request.connection
        undo = steps.release.catalog.programs[program.undo.contract]
        several = len(steps.release.targets.candidates(undo, child.request.tenant)) > 1
        back = Unit(
            f"undo {unit.key}",
            unit.step,
            unit.block,
            unit.wave,
            undo.name,
            connection if several else None,
            arguments,
            late,
            False,
        )
        try:
            request = steps.release.calls.parse_step(back, child.caller, child.request.reason, f"undo {unit.key}")
        except AilyusError as error:
            return Denied(f"its undo cannot be built: {error.sentence}")
        decided = await self._decided(replace(child, request=request), undo)
        if isinstance(decided, Denied):
            said = "cannot be looked at" if isinstance(decided, Unavailable) else "is not permitted"
            return replace(decided, reason=f"its undo {said}: {decided.reason}")
        known = orjson.dumps(dict(request.params), option=orjson.OPT_SORT_KEYS).decode()
        return f"{undo.name} takes it back: {known}", decided[0]

    # -- what is asked -------------------------------------------------------------------------------------------------

    def weighed(self, action: Action, looked: PlanPreflight) -> ApprovalReview:
        """What people would be asked now, and everything that their word is compared with."""
        release = self._steps.release
        display = self._display(action, looked)
        bundle = release.decider.bundle
        slices = sorted({p.request.contract: bundle.slices[p.request.contract].digest for p in looked.parts}.items())
        pins = {key: digest(values) for key, values in looked.pins.items()}
        pins |= {f"left out {key}": value_digest(reason) for key, reason in looked.left_out.items()}
        subject = subject_of(
            release,
            action,
            routes=("plan",),
            resource_type="Plan",
            resource_id=looked.planned.program.name,
            slice_digest=digest([list(s) for s in slices]),
            needs=looked.needs,
            pinned=pins,
            display_digest=display.digest,
            plan_digest=digest(
                [
                    [look.part.request.action_digest, look.undo_part.request.action_digest if look.undo_part else None]
                    for look in looked.looks
                ]
            ),
        )
        return ApprovalReview(
            ApprovalRequest(subject=subject, display=display, expires_ms=action.expires_ms), looked.parts
        )

    def _display(self, action: Action, looked: PlanPreflight) -> Display:
        request, plan = action.request, looked.planned.program.plan
        agents = request.contract == RUN_PLAN
        wanted = needed(looked.needs)
        waves = len({u.wave for u in looked.planned.units})
        in_waves = f" in {waves} waves" if waves > 1 else ""
        failure = _IF_A_STEP_FAILS[plan.on_failure]
        lines = [
            Line(label="what will change", value=plan.title, origin="agent" if agents else "contract"),
            Line(
                label="plan",
                value=f"{plan.plan}@{plan.version}, risk {request.risk}, {len(looked.looks)} actions{in_waves}",
                origin="contract",
            ),
            Line(label="who asked", value=f"{request.person}, through the agent {request.agent}", origin="gateway"),
        ]
        if request.reason:
            lines.append(Line(label="reason", value=request.reason, origin="agent"))
        lines.append(Line(label="why you", value=f"the policies ask for {wanted}", origin="policy"))
        if plan.keep:
            failure += f"; but kept: {', '.join(plan.keep)} stays"
        lines.append(Line(label="if a step fails", value=failure, origin="contract"))
        for number, look in enumerate(looked.looks, 1):
            where = look.part.request.connection
            label = f"{number}. {look.unit.key} ({look.unit.contract}, wave {look.unit.wave}, {where})"
            lines.append(Line(label=label, value=look.says[0], origin="contract"))
            lines += apart(f"{number}. ", look.says[1], look.part.request.params)
            for name, value in look.part.request.params.items():
                lines.append(Line(label=f"{number}. input {name}", value=shown(value), origin="caller"))
            for path in look.program.contract.shows:
                seen_now = shown(lookup(path, look.before.scope("before")))
                lines.append(Line(label=f"{number}. {path}", value=seen_now, origin="source_of_truth"))
            lines.append(Line(label=f"{number}. if wrong", value=look.undo, origin="contract"))
        out = {u.group: u for u in looked.planned.units if u.key in looked.left_out}
        for unit in out.values():
            why = looked.unmet.get(unit.key, plan_answers.NOT_THERE)
            lines.append(Line(label=f"left out: {unit.item or unit.key}", value=why, origin="contract"))
        return Display(lines=tuple(lines))

    async def ask(self, action: Action, looked: PlanPreflight) -> ActionResult:
        """One request to people for the whole plan."""
        steps, receipt = self._steps, new_id("rcp")
        expires = steps.now() + looked.planned.program.plan.approval_valid
        action = replace(action, expires_ms=expires, plan=Progress().packed)
        asked = self.weighed(action, looked).asked
        if not asked.display.fits:
            raise AilyusError("too_large", "what is to be approved is too long to be shown whole")
        document = asked.model_dump_json().encode()
        facts = DecisionFacts(
            needs=needs_of(looked.needs),
            display=asked.display.digest,
            plan_of=PlanRef(name=looked.planned.program.name, units=len(looked.planned.units)),
            called_ms=action.created_ms,
            expires_ms=action.expires_ms,
        )
        about = steps.about(action)
        sealed = steps.seal(facts, receipt, about, "approval_required", False, {"asked": document})
        answer = plan_answers.waiting(action, receipt, looked.needs, action.expires_ms, looked.tally)
        await steps.journal.ask(action, sealed, document, answer, action.expires_ms)
        return answer

    async def preview(self, action: Action, looked: PlanPreflight) -> ActionResult:
        """Decided and looked at; nothing is sent."""
        steps, receipt = self._steps, new_id("rcp")
        answer = plan_answers.previewed(action, receipt, looked.needs, looked.tally, self._would(action, looked))
        facts = DecisionFacts(
            needs=needs_of(looked.needs),
            plan_of=PlanRef(name=looked.planned.program.name, units=len(looked.planned.units)),
            before={look.unit.key: seen(look.before) for look in looked.looks},
            called_ms=action.created_ms,
            answer=answer.digest,
        )
        sealed = steps.seal(facts, receipt, steps.about(action), "previewed", False, {})
        await steps.journal.end(action, sealed, "previewed", answer, 0)
        return answer

    def _would(self, action: Action, looked: PlanPreflight) -> Would:
        """What the plan would do, in the words that an approver would read."""
        plan, steps = looked.planned.program.plan, list[WouldStep]()
        for look in looked.looks:
            target = self._steps.release.target(look.part.request)
            scope = {**self._steps.base(look.program, look.part.request, target), **look.before.scope("before")}
            said = would(look.program, scope, look.part.needs, look.undo)
            step = WouldStep(
                id=look.unit.key,
                tool=look.unit.contract,
                says=said.says,
                shows=said.shows,
                needs=said.needs,
                undo=said.undo,
                checks=said.checks,
            )
            steps.append(step)
        return Would(
            says=plan.title,
            needs=needed(looked.needs),
            undo=_IF_A_STEP_FAILS[plan.on_failure],
            checks=tuple(check.said for check in looked.planned.program.expect),
            steps=tuple(steps),
        )

    # -- drift ---------------------------------------------------------------------------------------------------------

    def drift(
        self,
        pins: Mapping[str, str],
        touched: Touched,
        request: ActionRequest,
        program: Program,
        before: Observation,
        facts: Facts,
    ) -> str | None:
        """The first pinned path that changed since the approval, other than by the plan's own steps; None: no drift."""
        if not pins:
            return None
        steps = self._steps
        target = steps.release.target(request)
        scope = {**steps.base(program, request, target), **before.scope("before")}
        own = self.own(request, touched)
        hiding = steps.journal.hiding
        for path, now in pinned(program, facts, scope, hiding).items():
            if pins.get(path) == now:
                continue
            if own and not path.startswith("before."):
                continue  # it follows from what the plan changed, and Cedar decided on its live value just now
            # INVARIANT: only what the plan's own confirmed steps left behind may differ from what was approved
            left = lookup(path, own)
            if not own or _digest(hiding, left) != _digest(hiding, lookup(path, scope)):  # guard: drift in a plan
                return path
        return None

    def own(self, request: ActionRequest, touched: Touched) -> dict[str, JsonValue]:
        """What a request's reads would give if nobody but the plan itself had changed anything since."""
        program = self._steps.release.catalog.programs[request.contract]
        return {f"before.{name}": touched[place] for name, place in self._places(program, request) if place in touched}

    def left_behind(self, request: ActionRequest, after: Observation | None) -> Touched:
        """What a confirmed step left at every place that it read."""
        program = self._steps.release.catalog.programs[request.contract]
        found = after.readings if after else {}
        return {place: found[name].value for name, place in self._places(program, request) if name in found}

    def _places(self, program: Program, request: ActionRequest) -> Iterator[tuple[str, str]]:
        release = self._steps.release
        target = release.target(request)
        if target is None:
            return
        scope = self._steps.base(program, request, target)
        for read in program.reads:
            beside = release.beside(target, read.target)
            place = place_read(read, beside, scope) if beside else None
            if place is not None:
                yield read.name, place


def _together(all_needs: Sequence[tuple[Need, ...]]) -> tuple[Need, ...]:
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


def _digest(hiding: Hiding, value: object) -> str:
    """A value as what was kept of it, in clear or as digests, is compared with it."""
    return value_digest(value if value is ABSENT else hiding.all(value))  # type: ignore[arg-type]  # a scope holds JSON


def needs_of(needs: Sequence[Need]) -> tuple[dict[str, int], ...]:
    """Needs as they stand in a statement."""
    return tuple(dict(need) for need in needs)
