"""Rows of the page of an action: the steps of a plan, the checks of a statement."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import ResultStep
from server.results.check_sentence import said_of


def steps_of(
    told: Sequence[ResultStep], rows: Sequence[Action], waves: Mapping[str, int]
) -> list[dict[str, JsonValue]]:
    """Every step of a plan in order, untouched ones too; an undo stands at the step that it takes back."""
    undone: dict[str | None, Action] = {row.undoes: row for row in rows if row.undoes}
    begun = {row.id: row for row in rows if not row.undoes}
    # while it runs, what has begun so far
    known = told or [ResultStep(id="", tool=r.request.contract, state=r.status, action_id=r.id) for r in begun.values()]
    listed: list[dict[str, JsonValue]] = []
    for step in known:
        undo = undone.get(step.action_id) if step.action_id else None
        row = begun.get(step.action_id or "")
        said = row.sentence if row else None
        listed.append(
            {
                "id": step.id,
                "contract": step.tool,
                "state": step.state,
                "action": step.action_id,
                "parts": [[text, is_value] for text, is_value in said.parts] if said else [],
                "wave": waves.get(step.id, 0),
                "item": step.item or "",
                "because": step.because or "",
                "kept": step.kept or "",
                "undo": undo.id if undo else None,
                "undo_contract": undo.request.contract if undo else "",
                "undo_status": undo.status if undo else "",
            }
        )
    return listed


def verified_of(told: ActionResult, kind: str) -> str:
    """How it was verified, in a few words: the checks that a later read met, of how many."""
    checks = told.checks or ()
    if not checks:
        return "read" if kind == "read" and told.status == "confirmed" else ""
    met, unread = sum(check.met is True for check in checks), sum(check.met is None for check in checks)
    noun = "check" if len(checks) == 1 else "checks"
    return f"{met} of {len(checks)} {noun} met" + (f", {unread} not read" if unread else "")


_SHOWN: Mapping[str, tuple[str, str]] = {
    "True": ("met", "met"),
    "False": ("unmet", "found"),
    "None": ("unread", "not read"),  # guard: found is said of what was read
}


def check_row(fact: Mapping[str, JsonValue]) -> JsonValue:
    """A check as its row shows it."""
    # INVARIANT 6: `found` is said only of what was observed
    state, word = _SHOWN[str(fact.get("met"))]
    return {"state": state, "text": f"{word}: {said_of(fact)}"}
