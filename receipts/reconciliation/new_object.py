"""The new object that an action makes: the one difference of two lists, which is ours or is not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from contracts.action.observation import Observation
from contracts.compiler.check import is_cut
from contracts.compiler.expressions import Fault
from contracts.compiler.program import CreatedObjectRule, Program
from receipts.reconciliation.checks import CheckResult, are_cut
from receipts.reconciliation.outputs import filled
from receipts.reconciliation.verdict import Reason, Reconciliation


def names_new(
    program: Program, scope: Mapping[str, object], cut: frozenset[str] = frozenset()
) -> tuple[Literal[True], Literal["ours"]] | tuple[None, None]:
    """The answer's own evidence: it names an object that was not there before, so something changed, by us.

    `cut`: the reads whose lists are not whole; an object that such a list lacks may have been there.
    """
    if program.made is None or is_cut(f"before.{program.made.path}", scope, cut):
        return None, None
    known = {str(o[program.made.id]) for o in program.made.objects("before", scope) or []}
    for name, template in program.outputs:
        value = template.filled(scope) if name in dict(program.made.outputs) else None
        if isinstance(value, str) and value and value not in known:
            return True, "ours"
    return None, None


def found_object(
    program: Program,
    made: CreatedObjectRule,
    scope: Mapping[str, object],
    checks: tuple[CheckResult, ...],
    seen: tuple[Observation, Observation],
) -> Reconciliation:
    """The probe of an action whose target names what it makes: the difference of two lists.

    Exactly one new object that is ours is found; with its outputs lost it is an orphan, never `confirmed`.
    """
    before, after = made.objects("before", scope), made.objects("after", scope)
    if are_cut([f"before.{made.path}"], *seen):  # guard: what half a list lacks is not new
        return Reconciliation("contended", None, None, checks, {}, Reason.NOT_WHOLE)
    if before is None or after is None:
        return Reconciliation("contended", None, None, checks, {}, Reason.LIST_NOT_READ)
    known = {str(o[made.id]) for o in before}
    new = [o for o in after if str(o[made.id]) not in known]
    if not new and any(c.fault for c in checks):
        return Reconciliation("contended", None, None, checks, {}, Reason.UNSAID)
    if not new:
        # a list in which something is missing was changed by somebody, and so proves nothing about what we made
        gone = known - {str(o[made.id]) for o in after}
        if gone:
            return Reconciliation("contended", None, None, checks, {}, Reason.SOMEBODY_ELSE)
        return Reconciliation("again", False, None, checks, {}, Reason.NOTHING_NEW)
    # servers cut times to seconds and their clocks differ a little: two seconds to either side
    start, end = seen[0].at_ms // 1000 - 2, seen[1].at_ms // 1000 + 2
    named = {"it": dict(new[0]), "window.start": _rfc3339(start), "window.end": _rfc3339(end)}
    own = {k: v for k, v in scope.items() if k.startswith(("inputs.", "connection."))} | named
    # INVARIANT 6: of two new objects nobody can say which one is ours, so neither is
    if len(new) > 1 or not made.ours.holds(own):
        return Reconciliation("contended", None, "other", checks, {}, Reason.PERHAPS_NOT_OURS)
    found = filled(made.outputs, own)
    if isinstance(found, Fault):
        return Reconciliation("contended", True, "ours", checks, {}, found.sentence)
    if all(name in found for name, _ in program.outputs):
        if all(c.met for c in checks):
            return Reconciliation("confirmed", True, "ours", checks, found, Reason.FOUND_BY_WHAT_IT_MADE)
        return Reconciliation("contended", True, "ours", checks, {}, Reason.MADE_OTHERWISE)
    return Reconciliation("orphan", True, "ours", checks, {}, Reason.OUTPUTS_LOST, found)


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
