"""The document of a plan: the lines that an approver is shown, with the origin of each."""

from collections.abc import Mapping

from contracts.compiler.check import lookup
from contracts.schema.plan import Plan
from policies.approval_document import Display, Line
from policies.run_plan_schema import RUN_PLAN
from receipts.action.action import Action
from server.execution.approval_request import apart
from server.plans.preflight import PlanPreflight
from server.plans.tally import NOT_THERE
from server.results.description import needed, shown

IF_A_STEP_FAILS: Mapping[str, str] = {
    "undo": "what was done is undone, in reverse order",
    "undo_wave": "the wave that failed is undone, earlier waves stay",
    "stop": "it stops there; what was done stays",
    "escalate": "it stops there, and a person is told",
    "continue": "an item of a list that fails is left as it is and the others go on; else the plan stops",
}


def told_of_plan(action: Action, looked: PlanPreflight) -> tuple[str, tuple[str, ...]]:
    """What a plan will change, in one sentence, and the words that stand apart from it."""
    # a row of before there were sentences has none: what was asked about it then stays as it was
    said = None if action.request.contract == RUN_PLAN else action.sentence
    return (said.text, said.apart) if said else (looked.planned.program.plan.title, ())


def undo_of_plan(plan: Plan) -> str:
    """What becomes of what was done when a step fails."""
    kept = f"; but kept: {', '.join(plan.keep)} stays" if plan.keep else ""
    return IF_A_STEP_FAILS[plan.on_failure] + kept


def display_of(action: Action, looked: PlanPreflight) -> Display:
    """What an approver is shown of a whole plan."""
    request, plan = action.request, looked.planned.program.plan
    agents = request.contract == RUN_PLAN
    wanted = needed(looked.needs)
    waves = len({u.wave for u in looked.planned.units})
    in_waves = f" in {waves} waves" if waves > 1 else ""
    says, words_apart = told_of_plan(action, looked)
    lines = [
        Line(
            label="what will change",
            value=says,
            origin="agent" if agents else "contract",
        ),
        *apart("", words_apart, request.params),
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
    lines.append(Line(label="if a step fails", value=undo_of_plan(plan), origin="contract"))
    for number, look in enumerate(looked.looks, 1):
        where = look.part.request.connection
        label = f"{number}. {look.unit.key} ({look.unit.contract}, wave {look.unit.wave}, {where})"
        lines.append(Line(label=label, value=look.says[0], origin="contract"))
        lines += apart(f"{number}. ", look.says[1], look.part.request.params)
        for name, value in look.part.request.params.items():
            lines.append(Line(label=f"{number}. input {name}", value=shown(value), origin="caller"))
        for path in look.resolved.program.contract.shows:
            seen_now = shown(lookup(path, look.before.scope("before")))
            lines.append(Line(label=f"{number}. {path}", value=seen_now, origin="source_of_truth"))
        lines.append(Line(label=f"{number}. if wrong", value=look.undo, origin="contract"))
    out = {u.group: u for u in looked.planned.units if u.key in looked.left_out}
    for unit in out.values():
        why = looked.unmet.get(unit.key, NOT_THERE)
        lines.append(Line(label=f"left out: {unit.item or unit.key}", value=why, origin="contract"))
    return Display(lines=tuple(lines))
