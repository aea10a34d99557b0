"""The stored request of a plan, unfolded again under the live release; or what is left of it, where it has gone."""

from pydantic import JsonValue

from contracts.compiler.inputs import InputSchema
from contracts.compiler.plan_program import PlanProgram, Unit
from contracts.errors import AilyusError
from contracts.schema.plan import Plan, Step
from policies.decision import Denied
from policies.plan_parser import PlanRequest
from policies.release import Release
from receipts.action.action import Action

_NOTHING: dict[str, JsonValue] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
MAX_UNFOLDED = 64
"""Plans that are kept unfolded."""


class PlanRequests:
    """Plans of one release, each unfolded once."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._unfolded: dict[str, PlanRequest] = {}

    def unfold(self, action: Action) -> PlanRequest | Denied:
        """The plan as the live release has it; anything else than what was asked for denies.

        Unfolding takes a tenth of a millisecond for each step, so it is done once for an action and off the loop.
        """
        known = self._unfolded.get(action.id)
        if known is not None:
            return known
        try:
            planned = self._release.plans.again(action.request, action.caller)
        except AilyusError as error:
            return Denied(error.sentence)
        # INVARIANT 2: approvals are bound to this digest, and so is everything that goes on by them
        if planned.request.action_digest != action.request.action_digest:
            return Denied("the contracts or connections of the plan changed")
        while len(self._unfolded) >= MAX_UNFOLDED:
            self._unfolded.pop(next(iter(self._unfolded)), None)
        self._unfolded[action.id] = planned
        return planned


def remains(action: Action, made: list[Action]) -> PlanRequest:
    """The steps that a plan made, as a plan of their own: what comes after them is not known any more."""
    last = max((s.step.position for s in made if s.step), default=-1)
    known = {s.step.position: s for s in made if s.step and not s.undoes}
    units = tuple(
        Unit(f"step {p}", "", "", 1, known[p].request.contract if p in known else "", None, {}, {}, False)
        for p in range(last + 1)
    )
    plan = Plan(
        plan="abandoned",
        title=action.request.contract,
        summary="what is left of a plan",
        use_when="the plan is none of the live release's",
        steps=(Step(id="abandoned", contract="abandoned"),),
        on_failure="escalate",
    )
    inputs = InputSchema.compile(_NOTHING, {})
    # it is no plan of a release, so no evidence of one keeps it
    program = PlanProgram(plan, action.request.contract_digest, b"", inputs, (), (), (), None, action.request.risk)
    return PlanRequest(action.request, program, units, tuple(known[p].request for p in sorted(known)))
