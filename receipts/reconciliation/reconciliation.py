"""Compare what was expected with what the source of truth says afterwards. Pure: the verdict and nothing else.

`reconcile` judges one attempt by the states before and after, the answer and the contract's expectations. It reads no
clock and no store, and sends nothing. What follows from a verdict is its caller's: `ActionExecutor` at each read-back,
`Recheck` later. `Compensation`, `PlanHealth` and `Resolutions` use single comparisons, such as `same`.

- No status code alone MUST decide: `confirmed` needs every expectation met in a later read, all outputs and the
  declared evidence (invariant 6).
- After an unknown answer the verdict MUST be `again` only where the state is as before, and where a second send does no
  harm or the contract's bound proves that the first did nothing (invariant 4).
- An attempt that proved that it had no effect MUST NOT be `confirmed`.
- What could not be read MUST be neither met nor unmet, and a list that is not whole MUST prove no absence.
- An object that may not be ours MUST NOT be called ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pydantic import JsonValue

from contracts.action.observation import Execution, Observation
from contracts.compiler.check import cut_path
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from receipts.reconciliation.checks import CheckResult, are_cut, checks_of, unread
from receipts.reconciliation.comparison import drifted_paths, evened, is_blind, same
from receipts.reconciliation.job import is_known, unfinished_job, unknown_job
from receipts.reconciliation.new_object import found_object, names_new
from receipts.reconciliation.outputs import outputs_of
from receipts.reconciliation.scope import scope_of
from receipts.reconciliation.verdict import Reason, Reconciliation


def already_so(program: Program, base: Mapping[str, object], before: Observation) -> tuple[CheckResult, ...] | None:
    """The expectations, if the state before already meets all of them: then nothing needs to be sent."""
    scope = scope_of(program, base, before, before, None)
    checks = checks_of(program.expect, scope, before.cut("before") | before.cut("after"))
    return checks if all(c.met for c in checks) else None


def reconcile(
    program: Program,
    base: Mapping[str, object],
    before: Observation,
    execution: Execution,
    after: Observation,
    exclusive: bool = False,
    bounded: bool = False,
    known: Mapping[str, JsonValue] = MappingProxyType({}),
) -> Reconciliation:
    """The verdict over one attempt. No status code alone ever decides.

    `exclusive`: nobody else makes objects there (`Target.exclusive`). `bounded`: the reads went on for as long as the
    contract says that a read may lag behind a write, so that what they do not show did not happen. `known`: outputs
    that were kept when the answer came.
    """
    if execution.uncosigned:
        return Reconciliation("uncosigned", False, None, (), {}, Reason.UNCOSIGNED)
    if execution.delivery == "not_sent":
        return Reconciliation("again", False, None, (), {}, Reason.NOT_SENT)
    if not after.ok or not before.ok:  # guard: evidence
        fault = before.fault or after.fault or "the record does not exist"
        return Reconciliation("contended", None, None, unread(program, fault), {}, Reason.NOT_READ_BACK)
    before, after = evened(program.reads, before, after)
    scope = scope_of(program, base, before, after, execution)
    cut = before.cut("before") | after.cut("after")
    checks = checks_of(program.expect, scope, cut)
    seen = _Seen(
        looks=(before, after),
        checks=checks,
        met=all(c.met for c in checks),
        unread=any(c.fault for c in checks),
        steady=same(program.probed, before, after) and not are_cut(program.probed, before, after),
        drift=bool(drifted_paths(program, before, after)),
        blind=is_blind(program, before, after),
        cut=cut,
    )
    if execution.delivery in ("refused", "declined", "no_effect", "stopped"):  # guard: no effect is never confirmed
        return _proven_without_effect(execution, checks, seen.met)
    if program.job is not None and is_known(program.job, after):
        if unfinished := unfinished_job(program.job, scope, program.expect, checks, seen.steady):
            return unfinished
        return _answered(program, scope | {"connection.exclusive": exclusive}, execution, seen, bounded, known)
    if program.job is not None and (judged := unknown_job(program.job, scope, cut, execution, checks, seen.steady)):
        return judged
    if execution.delivery in ("in_doubt", "rejected"):
        if program.made:
            place = scope | {"connection.exclusive": exclusive}
            found = found_object(program, program.made, place, checks, (before, after))
        else:
            found = _probed(program, scope, execution, seen)
        return _sent_again(program, execution, found, bounded, after.at_ms)
    scope |= {"connection.exclusive": exclusive}
    return _answered(program, scope, execution, seen, bounded, known)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The two looks and what they say: all checks met, one not read, the record as it was, something else changed.

    `blind`: a list that must not change was not read whole. `cut`: the reads whose lists are not whole.
    """

    looks: tuple[Observation, Observation]
    checks: tuple[CheckResult, ...]
    met: bool
    unread: bool
    steady: bool
    drift: bool
    blind: bool
    cut: frozenset[str]


def _answered(
    program: Program,
    scope: Mapping[str, object],
    execution: Execution,
    seen: _Seen,
    bounded: bool,
    known: Mapping[str, JsonValue],
) -> Reconciliation:
    """The target said that it did it: what do the reads say?"""
    checks = seen.checks
    if seen.met and seen.drift:
        return Reconciliation("diverged", True, None, checks, {}, Reason.DRIFT)
    if seen.met and seen.blind:  # guard: what was not seen whole is not unchanged
        return Reconciliation("contended", True, None, checks, {}, Reason.NOT_WHOLE)
    if seen.met:
        confirmed = _confirmed(program, scope, execution, checks, known)
        if confirmed.verdict != "confirmed" and program.made is not None:
            return found_object(program, program.made, scope, checks, seen.looks)
        return confirmed
    named, whose = names_new(program, scope, seen.cut)
    # what the answer gave once is kept for the look that finds it
    given = {n: v for n, t in program.outputs if not isinstance(v := t.filled(scope), Fault)}
    if seen.unread:
        reason = Reason.ACCEPTED_AND_UNSAID
        return Reconciliation("contended", named, whose, checks, given, reason)
    # INVARIANT: what the target accepted did not fail to happen because the reads do not show it yet
    if seen.steady and not bounded:  # guard: what was accepted is not called undone
        reason = Reason.ACCEPTED_AND_UNSEEN
        return Reconciliation("contended", named, whose, checks, given, reason)
    if seen.steady:
        return Reconciliation("not_applied", False, None, checks, {}, Reason.AS_IT_WAS)
    return Reconciliation("diverged", True, None, checks, {}, Reason.OTHERWISE)


def _proven_without_effect(execution: Execution, checks: tuple[CheckResult, ...], met: bool) -> Reconciliation:
    # INVARIANT: an attempt that proved that it had no effect is never `confirmed`.
    if met:
        return Reconciliation("contended", None, "state_only", checks, {}, Reason.REFUSED_YET_SO)
    if execution.delivery == "stopped":
        return Reconciliation("stopped", False, None, checks, {}, execution.fault or Reason.UNKNOWN_PAGE)
    if execution.stale:
        return Reconciliation("stale", False, None, checks, {}, Reason.STALE)
    if execution.delivery == "no_effect":
        return Reconciliation("next_route", False, None, checks, {}, Reason.NO_EFFECT)
    return Reconciliation("not_applied", False, None, checks, {}, Reason.REFUSED)


def _probed(program: Program, scope: Mapping[str, object], execution: Execution, seen: _Seen) -> Reconciliation:
    """The three-way probe: found, provably absent, or anything else, which is never sent again."""
    detect, checks = program.contract.detect, seen.checks
    if detect == "none":
        return Reconciliation("contended", None, None, checks, {}, Reason.CANNOT_TELL)
    if program.foreign and program.foreign.value(scope) is not False:
        return Reconciliation("contended", None, None, checks, {}, Reason.SOMEBODY_ELSE)
    if program.foreign and cut_path([program.foreign], scope, seen.cut):  # guard: half a list shows nobody else's hand
        return Reconciliation("contended", None, None, checks, {}, Reason.NOT_WHOLE)
    if seen.met and seen.drift:
        return Reconciliation("diverged", True, None, checks, {}, Reason.DRIFT)
    if seen.met and seen.blind:  # guard: what was not seen whole is not unchanged
        return Reconciliation("contended", None, None, checks, {}, Reason.NOT_WHOLE)
    if seen.met:
        return _confirmed(program, scope, execution, checks)
    if seen.unread:
        return Reconciliation("contended", None, None, checks, {}, Reason.UNSAID)
    if seen.steady and (detect == "state" or execution.keyed):  # guard: three-way probe
        return Reconciliation("again", False, None, checks, {}, Reason.AS_BEFORE)
    return Reconciliation("contended", None, None, checks, {}, Reason.NEITHER)


def _sent_again(
    program: Program, execution: Execution, found: Reconciliation, bounded: bool, now_ms: int
) -> Reconciliation:
    """What a probe that found nothing allows: final where the target said no, else another send where it is safe."""
    if found.verdict != "again":
        return found
    if execution.delivery == "rejected":
        return replace(found, verdict="not_applied", reason=Reason.REFUSED)
    # INVARIANT: what the target accepted did not fail to happen because the reads do not show it yet
    if not bounded and _is_bare_success(execution):  # guard: a bare success
        reason = Reason.ACCEPTED_AND_UNSEEN
        return replace(found, verdict="contended", changed=None, reason=reason)
    # INVARIANT: what may have been made is not made a second time
    since = execution.keyed_since_ms
    elapsed = None if since is None else now_ms - since
    if bounded or program.repeats(execution.route, elapsed):  # guard: nothing is made twice
        return found
    reason = Reason.NOT_SENT_TWICE
    return replace(found, verdict="contended", changed=None, reason=reason)


def _is_bare_success(execution: Execution) -> bool:
    """Did a tool of an MCP server succeed without the structured content by which the contract judges it?"""
    body = execution.response.body if execution.response is not None and execution.via == "mcp" else None
    return isinstance(body, dict) and body.get("is_error") is False and body.get("data") is None


def _confirmed(
    program: Program,
    scope: Mapping[str, object],
    execution: Execution,
    checks: tuple[CheckResult, ...],
    kept: Mapping[str, JsonValue] = MappingProxyType({}),
) -> Reconciliation:
    outputs = outputs_of(program, scope, kept)
    if isinstance(outputs, Fault):  # guard: missing outputs
        return Reconciliation("contended", True, None, checks, {}, outputs.sentence)
    # INVARIANT: without its evidence nothing that answered is `confirmed`
    # guard: no confirmation without its pictures
    if execution.delivery == "answered" and not _pictured(program, execution):
        return Reconciliation("contended", True, None, checks, {}, Reason.NO_EVIDENCE)
    tied = program.ours is not None and program.ours.holds(scope)
    ours = execution.response is not None and (execution.response.request_id is not None or execution.keyed or tied)
    return Reconciliation("confirmed", True, "ours" if ours else "state_only", checks, outputs, Reason.MET)


def _pictured(program: Program, execution: Execution) -> bool:
    """Are the pictures there that the contract declares for a browser route?"""
    if execution.via == "http" or "screenshot" not in program.contract.evidence.get("browser", ()):
        return True
    return {"before.png", "after.png"} <= set(execution.evidence)
