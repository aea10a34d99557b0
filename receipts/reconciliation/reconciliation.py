"""Compare what was expected with what the source of truth says afterwards. Pure: the verdict and nothing else.

`reconcile` judges one attempt by the states before and after, the answer and the contract's expectations. It reads no
clock and no store, and sends nothing. What follows from a verdict is its caller's: `ActionExecutor` at each read-back,
`SecondLook` later. `Compensation`, `PlanEnd` and `Aftercare` use single comparisons, such as `same`.

- No status code alone MUST decide: `confirmed` needs every expectation met in a later read, all outputs and the
  declared evidence (invariant 6).
- After an unknown answer the verdict MUST be `again` only where the state is as before, and where a second send does no
  harm or the contract's bound proves that the first did nothing (invariant 4).
- An attempt that proved that it had no effect MUST NOT be `confirmed`.
- What could not be read MUST be neither met nor unmet, and a list that is not whole MUST prove no absence.
- An object that may not be ours MUST NOT be called ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from pydantic import JsonValue

from contracts.action.observation import Execution, Observation
from contracts.compiler.expressions import Fault
from contracts.compiler.program import ABSENT, Check, Made, Program, lookup
from receipts.reconciliation.comparison import drifted, evened, same
from receipts.reconciliation.outputs import filled, outputs_of
from receipts.reconciliation.scope import scope_of
from receipts.statement.attempt_facts import CheckFact

Verdict = Literal["confirmed", "not_applied", "diverged", "contended", "again", "next_route", "stopped", "orphan"]
Attribution = Literal["ours", "state_only", "other"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation, whether it was met, and nothing of what was observed.

    `that` is the sentence for when it is not met, `so` the one for when it is. `fault` is why it could not be read:
    then it is neither met nor unmet.
    """

    that: str
    met: bool
    so: str = ""
    fault: str | None = None

    @property
    def unmet(self) -> bool:
        """Was it read, and found not to hold?"""
        return not self.met and self.fault is None

    @property
    def fact(self) -> dict[str, JsonValue]:
        """What a signed statement says of it: `met` is null where it could not be read."""
        fact: dict[str, JsonValue] = {"that": self.so or self.that, "met": None if self.fault else self.met}
        if self.so:
            fact["else"] = self.that
        if self.fault:
            fact["notRead"] = self.fault
        return fact


class Reason(StrEnum):
    """Why a verdict is what it is, as a sentence of ours. A verdict may also carry a fault's own sentence."""

    NOT_SENT = "not one byte of the request was written"
    NOT_READ_BACK = "the record could not be read back"
    DRIFT = "something else changed with it"
    ACCEPTED_AND_UNSAID = "the target accepted it, and the record does not say whether it happened"
    ACCEPTED_AND_UNSEEN = "the target accepted it, and the record does not show it yet"
    AS_IT_WAS = "the record is as it was"
    OTHERWISE = "the record changed, but not as expected"
    REFUSED_YET_SO = "refused, yet the state is as asked for"
    UNKNOWN_PAGE = "the page is unknown"
    NO_EFFECT = "the application proved that nothing happened"
    REFUSED = "the target refused"
    CANNOT_TELL = "this contract cannot tell whether it happened"
    SOMEBODY_ELSE = "somebody else changed the record meanwhile"
    UNSAID = "the record does not say whether it happened"
    AS_BEFORE = "the record is as it was before"
    NEITHER = "the record is neither as before nor as expected"
    NOT_SENT_TWICE = "the record does not show it, and to send it again could do it twice"
    LIST_NOT_READ = "the list of objects could not be read"
    NOTHING_NEW = "nothing new is there"
    PERHAPS_NOT_OURS = "something new is there that may not be ours"
    FOUND_BY_WHAT_IT_MADE = "found by what it made"
    MADE_OTHERWISE = "what was made is not as expected"
    MET = "met when read back"
    NO_EVIDENCE = "the evidence is missing"
    OUTPUTS_LOST = "it was made, but its outputs are lost"


def stated(checks: Iterable[Checked]) -> tuple[CheckFact, ...]:
    """Checks as they stand in a statement."""
    return tuple(CheckFact.model_validate(check.fact) for check in checks)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What became of one attempt. `changed` is None when it cannot be known.

    `orphan`: an object that we made and whose outputs are lost, as the outputs that can still be read from it.
    """

    verdict: Verdict
    changed: bool | None
    attribution: Attribution | None
    checks: tuple[Checked, ...]
    outputs: Mapping[str, JsonValue]
    reason: str
    orphan: Mapping[str, JsonValue] | None = None


def checks_of(
    checks: Sequence[Check], scope: Mapping[str, object], cut: frozenset[str] = frozenset()
) -> tuple[Checked, ...]:
    """Every expectation evaluated: met, unmet, or not read. `cut`: the reads whose lists are not whole."""
    return tuple(_checked(check, scope, cut) for check in checks)


def _checked(check: Check, scope: Mapping[str, object], cut: frozenset[str]) -> Checked:
    value = check.value(scope)
    # INVARIANT: what could not be evaluated is neither met nor unmet
    if isinstance(value, Fault):
        absent = sorted(p for p in check.expression.paths() if lookup(p, scope) is ABSENT)
        fault = f"`{absent[0]}` is not in the record" if absent else value.sentence
        return Checked(check.sentence, False, check.so, fault)  # guard: what was not read is not unmet
    # INVARIANT: a list that is not whole proves nothing by what it does not hold
    if cut and not (value and check.expression.only_finds):  # guard: one page proves no absence
        paged = sorted(p for p in check.expression.paths() if _is_cut(p, scope, cut))
        if paged:
            return Checked(check.sentence, False, check.so, f"`{paged[0]}` is one page of several")
    return Checked(check.sentence, value, check.so)


def _is_cut(path: str, scope: Mapping[str, object], cut: frozenset[str]) -> bool:
    return ".".join(path.split(".")[:2]) in cut and isinstance(lookup(path, scope), list)


def already_so(program: Program, base: Mapping[str, object], before: Observation) -> tuple[Checked, ...] | None:
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
    if execution.delivery == "not_sent":
        return Reconciliation("again", False, None, (), {}, Reason.NOT_SENT)
    if not after.ok or not before.ok:  # guard: evidence
        fault = before.fault or after.fault or "the record does not exist"
        return Reconciliation("contended", None, None, _unread(program, fault), {}, Reason.NOT_READ_BACK)
    before, after = evened(program.reads, before, after)
    scope = scope_of(program, base, before, after, execution)
    cut = before.cut("before") | after.cut("after")
    checks = checks_of(program.expect, scope, cut)
    seen = _Seen(
        checks=checks,
        met=all(c.met for c in checks),
        unread=any(c.fault for c in checks),
        steady=same(program.probed, before, after) and not _cut_in(program.probed, before, after),
        drift=drifted(program, before, after),
    )
    if execution.delivery in ("refused", "declined", "no_effect", "stopped"):  # guard: no effect is never confirmed
        return _proven_without_effect(execution, checks, seen.met)
    if execution.delivery in ("in_doubt", "rejected"):
        if program.made:
            found = _made(program, program.made, scope | {"connection.exclusive": exclusive}, checks, (before, after))
        else:
            found = _probed(program, scope, execution, seen)
        return _sent_again(program, execution, found, bounded)
    scope |= {"connection.exclusive": exclusive}
    return _answered(program, scope, execution, (before, after), seen, bounded, known)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the two looks say: every check met, one of them not read, the record as it was, something else changed."""

    checks: tuple[Checked, ...]
    met: bool
    unread: bool
    steady: bool
    drift: bool


def _cut_in(paths: Sequence[str], before: Observation, after: Observation) -> bool:
    """Is one of these `before.*` paths a list that is not whole, in either look?"""
    old, new = before.scope("before"), after.scope("before")
    cut = before.cut("before") | after.cut("before")
    return any(_is_cut(p, old, cut) or _is_cut(p, new, cut) for p in paths)


def _answered(
    program: Program,
    scope: Mapping[str, object],
    execution: Execution,
    looks: tuple[Observation, Observation],
    seen: _Seen,
    bounded: bool,
    known: Mapping[str, JsonValue],
) -> Reconciliation:
    """The target said that it did it: what do the reads say?"""
    checks = seen.checks
    if seen.met and seen.drift:
        return Reconciliation("diverged", True, None, checks, {}, Reason.DRIFT)
    if seen.met:
        confirmed = _confirmed(program, scope, execution, checks, known)
        if confirmed.verdict != "confirmed" and program.made is not None:
            return _made(program, program.made, scope, checks, looks)
        return confirmed
    named, whose = _names_new(program, scope)
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


def _names_new(
    program: Program, scope: Mapping[str, object]
) -> tuple[Literal[True], Literal["ours"]] | tuple[None, None]:
    """The answer's own evidence: it names an object that was not there before, so something changed, by us."""
    if program.made is None:
        return None, None
    known = {str(o[program.made.id]) for o in program.made.objects("before", scope) or []}
    for name, template in program.outputs:
        value = template.filled(scope) if name in dict(program.made.outputs) else None
        if isinstance(value, str) and value and value not in known:
            return True, "ours"
    return None, None


def _proven_without_effect(execution: Execution, checks: tuple[Checked, ...], met: bool) -> Reconciliation:
    # INVARIANT: an attempt that proved that it had no effect is never `confirmed`.
    if met:
        return Reconciliation("contended", None, "state_only", checks, {}, Reason.REFUSED_YET_SO)
    if execution.delivery == "stopped":
        return Reconciliation("stopped", False, None, checks, {}, execution.fault or Reason.UNKNOWN_PAGE)
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
    if seen.met and seen.drift:
        return Reconciliation("diverged", True, None, checks, {}, Reason.DRIFT)
    if seen.met:
        return _confirmed(program, scope, execution, checks)
    if seen.unread:
        return Reconciliation("contended", None, None, checks, {}, Reason.UNSAID)
    if seen.steady and (detect == "state" or execution.keyed):  # guard: three-way probe
        return Reconciliation("again", False, None, checks, {}, Reason.AS_BEFORE)
    return Reconciliation("contended", None, None, checks, {}, Reason.NEITHER)


def _sent_again(program: Program, execution: Execution, found: Reconciliation, bounded: bool) -> Reconciliation:
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
    if bounded or program.repeats(execution.route):  # guard: nothing is made twice
        return found
    reason = Reason.NOT_SENT_TWICE
    return replace(found, verdict="contended", changed=None, reason=reason)


def _is_bare_success(execution: Execution) -> bool:
    """Did a tool of an MCP server succeed without the structured content by which the contract judges it?"""
    body = execution.response.body if execution.response is not None and execution.via == "mcp" else None
    return isinstance(body, dict) and body.get("is_error") is False and body.get("data") is None


def _made(
    program: Program,
    made: Made,
    scope: Mapping[str, object],
    checks: tuple[Checked, ...],
    seen: tuple[Observation, Observation],
) -> Reconciliation:
    """The probe of an action whose target names what it makes: the difference of two lists.

    Exactly one new object that is ours is found; with its outputs lost it is an orphan, never `confirmed`.
    """
    before, after = made.objects("before", scope), made.objects("after", scope)
    if before is None or after is None:
        return Reconciliation("contended", None, None, checks, {}, Reason.LIST_NOT_READ)
    known = {str(o[made.id]) for o in before}
    new = [o for o in after if str(o[made.id]) not in known]
    if not new and any(c.fault for c in checks):
        return Reconciliation("contended", None, None, checks, {}, Reason.UNSAID)
    if not new:
        gone = known - {str(o[made.id]) for o in after}
        if gone:
            return Reconciliation("contended", None, None, checks, {}, Reason.SOMEBODY_ELSE)
        return Reconciliation("again", False, None, checks, {}, Reason.NOTHING_NEW)
    start, end = seen[0].at_ms // 1000 - 2, seen[1].at_ms // 1000 + 2
    named = {"it": dict(new[0]), "window.start": _rfc3339(start), "window.end": _rfc3339(end)}
    own = {k: v for k, v in scope.items() if k.startswith(("inputs.", "connection."))} | named
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


def _confirmed(
    program: Program,
    scope: Mapping[str, object],
    execution: Execution,
    checks: tuple[Checked, ...],
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


def _unread(program: Program, fault: str) -> tuple[Checked, ...]:
    return tuple(Checked(check.sentence, False, check.so, fault) for check in program.expect)
