"""The end of each step of a plan, and the tally of all of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import JsonValue

from contracts.compiler.plan_program import Unit
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.result_document import UNSET
from receipts.action.result_parts import ResultStep
from receipts.action.status import Status
from receipts.statement.plan_facts import PlanStepFact
from server.execution.attempt import PendingEnd
from server.plans.stop_reason import StopReason

PlanStatus = Literal[
    "confirmed",
    "not_applied",
    "diverged",
    "unknown",
    "compensated",
    "partial",
    "denied",
    "unavailable",
    "cancelled",
]

NOT_THERE = "no such record, or not permitted"

MAX_NAMED_OUT = 10
"""Items that a summary names; the steps name all."""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The end of one step. `kept` is why it was not undone although it should have been.

    `held_by` is the later step that keeps it. `unmet`: nothing was sent, since a condition of its contract did not
    hold (`because`). `final`: what stopped it stops every other step too.
    """

    key: str
    status: Status
    action_id: str
    receipt_id: str
    outputs: Mapping[str, JsonValue]
    changed: bool | None
    undone: bool = False
    kept: str = ""
    held_by: str = ""
    unmet: bool = False
    because: str = ""
    final: bool = False

    @classmethod
    def ended(cls, key: str, ended: PendingEnd) -> "StepEnd":
        """From what this process saw."""
        unmet = ended.unsent and ended.status == "not_applied"
        known = cls._of(key, ended.status, ended.action.id, ended.result)
        return replace(known, unmet=unmet, because=ended.because)

    @classmethod
    def of(cls, key: str, action: Action) -> "StepEnd":
        """From its row."""
        unmet = action.status == "not_applied" and not action.sent_ms
        return replace(cls._of(key, action.status, action.id, action.result), unmet=unmet)

    @classmethod
    def _of(cls, key: str, status: Status, action_id: str, result: ActionResult | None) -> "StepEnd":
        if result is None:
            raise AilyusError("store_corrupt", f"the step `{action_id}` has ended without a result")
        changed = None if result.changed is UNSET else result.changed
        return cls(key, status, action_id, str(result.receipt_id), result.outputs or {}, changed)

    @property
    def confirmed(self) -> bool:
        """It is as it should be."""
        return self.status == "confirmed"

    @property
    def doubtful(self) -> bool:
        """It may or may not have happened, or something else happened."""
        return self.status in ("unknown", "diverged")

    @property
    def state(self) -> str:
        """Its word in `steps`."""
        if self.undone:
            return "undone"
        if self.confirmed:
            return "done" if self.changed else "already_so"
        return self.status


@dataclass(frozen=True, slots=True)
class Tally:
    """Every unit of a plan, and what became of it. `unmet` says of what was left out which condition did not hold."""

    units: Sequence[Unit]
    finished: Mapping[int, StepEnd]
    left_out: Mapping[str, str]
    unmet: Mapping[str, str] = field(default_factory=dict)

    def state(self, position: int) -> str:
        """One unit's word."""
        if self.units[position].key in self.left_out:
            return "left_out"
        finished = self.finished.get(position)
        if finished and finished.unmet and self.units[position].skip_unmet:
            return "left_out"
        return finished.state if finished else "untouched"

    def _excused(self, position: int) -> bool:
        """Did it end as its author allows: an optional step that changed nothing, or an item that was left out?"""
        unit, finished = self.units[position], self.finished.get(position)
        optional = unit.optional and finished is not None and finished.status == "not_applied"
        return optional or self.state(position) == "left_out"

    @property
    def whole(self) -> PlanStatus:
        """The public status of a plan that got to its end."""
        if not self.left_out and all(f.confirmed for f in self.finished.values()):
            return "confirmed"
        return "partial" if any(f.confirmed for f in self.finished.values()) else "not_applied"

    @property
    def counts(self) -> Counter[str]:
        """How many units there are of each word."""
        return Counter(self.state(p) for p in range(len(self.units)))

    @property
    def steps(self) -> tuple[ResultStep, ...]:
        """For the agent: each unit in order."""
        return tuple(self._told(p, unit) for p, unit in enumerate(self.units))

    def _told(self, position: int, unit: Unit) -> ResultStep:
        because = self._because(position) if self.state(position) == "left_out" else None
        return replace(self._step(position, unit), item=unit.item or None, because=because)

    def _because(self, position: int) -> str:
        finished, key = self.finished.get(position), self.units[position].key
        if finished is None:
            return self.unmet.get(key, NOT_THERE)
        return finished.because or "a condition of its contract does not hold"

    @property
    def out(self) -> str:
        """The items that were left out, by their values; '' where none was."""
        out = [(p, u) for p, u in enumerate(self.units) if self.state(p) == "left_out"]
        named = list(dict.fromkeys(f"{u.item or u.key} ({self._because(p)})" for p, u in out))
        more = f" and {len(named) - MAX_NAMED_OUT} more" if len(named) > MAX_NAMED_OUT else ""
        return f" Left out: {', '.join(named[:MAX_NAMED_OUT])}{more}." if named else ""

    def _step(self, position: int, unit: Unit) -> ResultStep:
        finished = self.finished.get(position)
        return ResultStep(
            id=unit.key,
            tool=unit.contract,
            state=self.state(position),
            action_id=finished.action_id if finished else None,
            receipt_id=finished.receipt_id if finished else None,
            kept=(finished.kept or None) if finished else None,
        )

    @property
    def facts(self) -> tuple[PlanStepFact, ...]:
        """For the receipt: each unit with its wave, and nothing of the items, which may be personal."""
        return tuple(
            PlanStepFact.model_validate({**self._step(p, unit).document(), "wave": unit.wave})
            for p, unit in enumerate(self.units)
        )

    def status(self, reason: StopReason) -> PlanStatus:
        """The public status of a plan that did not get to its end."""
        ends = list(self.finished.values())
        if any(f.status == "unknown" for f in ends):
            return "unknown"
        if any(f.status == "diverged" for f in ends):
            return "diverged"
        if any(f.confirmed and f.changed and not f.undone for f in ends):
            return "partial"
        if any(f.undone for f in ends):
            return "compensated"
        if reason.is_cancellation:
            return "cancelled"
        if any(f.status == "unavailable" for f in ends):
            return "unavailable"
        return "denied" if any(f.status == "denied" for f in ends) else "not_applied"

    def changed(self, status: PlanStatus) -> bool | None:
        """Is anything different from before?"""
        if status in ("unknown", "diverged"):
            return None
        return any(f.confirmed and f.changed and not f.undone for f in self.finished.values())

    def needs_a_person(self, status: PlanStatus) -> bool:
        """Is somebody told? Whenever something was sent and the plan did not end as asked for."""
        if status in ("unknown", "diverged", "compensated"):
            return True
        failed = any(f.kept or f.undone or not (f.confirmed or self._excused(p)) for p, f in self.finished.items())
        excused = {unit.group for p, unit in enumerate(self.units) if unit.item and self._excused(p)}
        untouched = any(self.state(p) == "untouched" and u.group not in excused for p, u in enumerate(self.units))
        return status == "partial" and (failed or untouched)

    @property
    def stays(self) -> str:
        """What was not taken back because a later step keeps it, and what a person must do; '' where nothing was."""
        kept = [self.finished[p] for p in sorted(self.finished) if self.finished[p].held_by]
        held = {f.key: f.held_by for f in kept}
        if not held:
            return ""
        left = [
            u.key for p, u in enumerate(self.units) if self.state(p) not in ("done", "already_so", "undone", "left_out")
        ]
        said = "; ".join(f"{f.key} stays, because {f.kept}" for f in kept)
        back = " and then ".join((*dict.fromkeys(held.values()), *reversed(held)))
        finish = f"finish {', '.join(left)}, or " if left else ""
        return f" {said}. A person must {finish}take back {back}."

    @property
    def sentence(self) -> str:
        """The counts as words."""
        words = {
            "done": "done",
            "already_so": "already so",
            "undone": "undone",
            "untouched": "untouched",
            "left_out": "left out",
        }
        counts = self.counts
        known = [f"{counts[k]} {w}" for k, w in words.items() if counts[k]]
        known += [f"{n} {k}" for k, n in sorted(counts.items()) if k not in words]
        return ", ".join(known)
