"""Compare what was expected with what the source of truth says afterwards. Pure: the verdict and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from contracts.expressions import Fault
from contracts.observation import Execution, Observation
from contracts.program import ABSENT, Program, lookup

Verdict = Literal["confirmed", "not_applied", "diverged", "contended", "again", "next_route"]
Attribution = Literal["ours", "state_only", "other"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation, whether it was met, and nothing of what was observed."""

    that: str
    met: bool


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What became of one attempt. `changed` is None when it cannot be known."""

    verdict: Verdict
    changed: bool | None
    attribution: Attribution | None
    checks: tuple[Checked, ...]
    outputs: Mapping[str, JsonValue]
    reason: str


def scope_of(
    program: Program, base: Mapping[str, object], before: Observation, after: Observation, execution: Execution | None
) -> dict[str, object]:
    """The names of the phase after: inputs, connection, before, after and the response, if one came."""
    scope = {**base, **before.scope("before"), **after.scope("after")}
    if execution and execution.response:
        response = execution.response
        scope["response.status"] = response.status
        scope["response.headers"] = dict(response.headers)
        scope["response.body"] = response.body
    return scope


def checks_of(program: Program, scope: Mapping[str, object]) -> tuple[Checked, ...]:
    """Every expectation evaluated; an error or an absent value is not met."""
    return tuple(Checked(check.sentence, check.expression.holds(scope)) for check in program.expect)


def already_so(program: Program, base: Mapping[str, object], before: Observation) -> tuple[Checked, ...] | None:
    """The expectations, if the state before already meets all of them: then nothing needs to be sent."""
    checks = checks_of(program, scope_of(program, base, before, before, None))
    return checks if all(c.met for c in checks) else None


def same(paths: tuple[str, ...], before: Observation, after: Observation) -> bool:
    """Is the state the same on these `before.*` paths? Absent equals absent."""
    old, new = before.scope("before"), after.scope("before")
    return all(_equal(lookup(p, old), lookup(p, new)) for p in paths)


def drifted(program: Program, before: Observation, after: Observation) -> bool:
    """Did anything change that the contract declares `unchanged`?"""
    return not same(tuple(f"before.{p.removeprefix('before.')}" for p in program.contract.unchanged), before, after)


def reconcile(
    program: Program, base: Mapping[str, object], before: Observation, execution: Execution, after: Observation
) -> Reconciliation:
    """The verdict over one attempt. No status code alone ever decides."""
    if execution.delivery == "not_sent":
        return Reconciliation("again", False, None, (), {}, "not one byte of the request was written")
    if not after.ok or not before.ok:
        return Reconciliation("contended", None, None, _unknown(program), {}, "the record could not be read back")
    scope = scope_of(program, base, before, after, execution)
    checks = checks_of(program, scope)
    met = all(c.met for c in checks)
    steady = same(program.probed, before, after)
    if execution.delivery in ("refused", "declined", "no_effect"):
        return _proven_without_effect(execution, checks, met)
    if execution.delivery == "in_doubt":
        return _probed(program, scope, execution, checks, met, steady, drifted(program, before, after))
    if met and drifted(program, before, after):
        return Reconciliation("diverged", True, None, checks, {}, "something else changed with it")
    if met:
        return _confirmed(program, scope, execution, checks)
    if steady:
        return Reconciliation("not_applied", False, None, checks, {}, "the record is as it was")
    return Reconciliation("diverged", True, None, checks, {}, "the record changed, but not as expected")


def _proven_without_effect(execution: Execution, checks: tuple[Checked, ...], met: bool) -> Reconciliation:
    # INVARIANT: an attempt that proved that it had no effect is never `confirmed`.
    if met:
        return Reconciliation("contended", None, "state_only", checks, {}, "refused, yet the state is as asked for")
    if execution.delivery == "no_effect":
        return Reconciliation("next_route", False, None, checks, {}, "the application proved that nothing happened")
    return Reconciliation("not_applied", False, None, checks, {}, "the target refused")


def _probed(
    program: Program,
    scope: Mapping[str, object],
    execution: Execution,
    checks: tuple[Checked, ...],
    met: bool,
    steady: bool,
    drift: bool,
) -> Reconciliation:
    """The three-way probe: found, provably absent, or anything else, which is never sent again."""
    detect = program.contract.detect
    if detect == "none":
        return Reconciliation("contended", None, None, checks, {}, "this contract cannot tell whether it happened")
    if program.foreign and program.foreign.value(scope) is not False:
        return Reconciliation("contended", None, None, checks, {}, "somebody else changed the record meanwhile")
    if met and drift:
        return Reconciliation("diverged", True, None, checks, {}, "something else changed with it")
    if met:
        return _confirmed(program, scope, execution, checks)
    if steady and (detect == "state" or execution.keyed):
        return Reconciliation("again", False, None, checks, {}, "the record is as it was before")
    return Reconciliation("contended", None, None, checks, {}, "the record is neither as before nor as expected")


def _confirmed(
    program: Program, scope: Mapping[str, object], execution: Execution, checks: tuple[Checked, ...]
) -> Reconciliation:
    outputs = outputs_of(program, scope)
    if isinstance(outputs, Fault):
        return Reconciliation("contended", True, None, checks, {}, outputs.sentence)
    ours = execution.response is not None and (execution.response.request_id is not None or execution.keyed)
    sentence = "met when read back"
    return Reconciliation("confirmed", True, "ours" if ours else "state_only", checks, outputs, sentence)


def outputs_of(program: Program, scope: Mapping[str, object]) -> dict[str, JsonValue] | Fault:
    """All declared outputs, or the fault of the first that is missing: then nothing is `confirmed`."""
    outputs: dict[str, JsonValue] = {}
    for name, template in program.outputs:
        value = template.filled(scope)
        if isinstance(value, Fault):
            return Fault(f"the output `{name}` is missing")
        outputs[name] = value
    return outputs


def _unknown(program: Program) -> tuple[Checked, ...]:
    return tuple(Checked(check.sentence, False) for check in program.expect)


def _equal(one: object, other: object) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return one == other
