"""Compare what was expected with what the source of truth says afterwards. Pure: the verdict and nothing else."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue

from adapters.secrets import MAX_SECRET
from contracts.contract import Output
from contracts.expressions import Fault, Template
from contracts.hiding import Hiding
from contracts.observation import Execution, Observation
from contracts.program import ABSENT, Made, Program, lookup

Verdict = Literal["confirmed", "not_applied", "diverged", "contended", "again", "next_route", "stopped", "orphan"]
Attribution = Literal["ours", "state_only", "other"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation, whether it was met, and nothing of what was observed."""

    that: str
    met: bool


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
    hide_compared(scope, program.compared, before.hiding)
    return scope


def hide_compared(scope: dict[str, object], paths: Iterable[str], hiding: Hiding | None) -> None:
    """Where digests of the state before were kept, put digests on both sides of what is compared with itself."""
    for path in paths if hiding is not None else ():
        _hide(scope, f"before.{path}", hiding)
        _hide(scope, f"after.{path}", hiding)


def _hide(scope: dict[str, object], path: str, hiding: Hiding | None) -> None:
    value = lookup(path, scope)
    if value is ABSENT or hiding is None:
        return
    phase, name, *names = path.split(".")
    node: object = hiding.all(value)  # type: ignore[arg-type]  # what stands in a scope is JSON
    for depth in range(len(names) - 1, -1, -1):
        owner = lookup(".".join((phase, name, *names[:depth])), scope)
        node = {**owner, names[depth]: node} if isinstance(owner, Mapping) else owner
    scope[f"{phase}.{name}"] = node


def checks_of(program: Program, scope: Mapping[str, object]) -> tuple[Checked, ...]:
    """Every expectation evaluated; an error or an absent value is not met."""
    return tuple(Checked(check.sentence, check.expression.holds(scope)) for check in program.expect)


def already_so(program: Program, base: Mapping[str, object], before: Observation) -> tuple[Checked, ...] | None:
    """The expectations, if the state before already meets all of them: then nothing needs to be sent."""
    checks = checks_of(program, scope_of(program, base, before, before, None))
    return checks if all(c.met for c in checks) else None


def same(paths: tuple[str, ...], before: Observation, after: Observation) -> bool:
    """Is the state the same on these `before.*` paths? Absent equals absent, and a kept digest what it is of."""
    old, new = before.scope("before"), after.scope("before")
    hiding = before.hiding or after.hiding
    return all(_equal(_seen(lookup(p, old), hiding), _seen(lookup(p, new), hiding)) for p in paths)


def _seen(value: object, hiding: Hiding | None) -> object:
    return value if hiding is None or value is ABSENT else hiding.all(value)  # type: ignore[arg-type]  # JSON


def drifted(program: Program, before: Observation, after: Observation) -> bool:
    """Did anything change that the contract declares `unchanged`?"""
    return bool(drifted_paths(program, before, after))


def drifted_paths(program: Program, before: Observation, after: Observation) -> tuple[str, ...]:
    """What changed although the contract declares it `unchanged`, as the contract names it."""
    return tuple(
        p for p in program.contract.unchanged if not same((f"before.{p.removeprefix('before.')}",), before, after)
    )


def reconcile(
    program: Program,
    base: Mapping[str, object],
    before: Observation,
    execution: Execution,
    after: Observation,
    exclusive: bool = False,
) -> Reconciliation:
    """The verdict over one attempt. No status code alone ever decides.

    `exclusive`: nobody else makes objects there (`Target.exclusive`).
    """
    if execution.delivery == "not_sent":
        return Reconciliation("again", False, None, (), {}, "not one byte of the request was written")
    if not after.ok or not before.ok:
        return Reconciliation("contended", None, None, _unknown(program), {}, "the record could not be read back")
    scope = scope_of(program, base, before, after, execution)
    checks = checks_of(program, scope)
    met = all(c.met for c in checks)
    steady = same(program.probed, before, after)
    if execution.delivery in ("refused", "declined", "no_effect", "stopped"):
        return _proven_without_effect(execution, checks, met)
    if execution.delivery == "in_doubt":
        if program.made:
            return _made(program, program.made, scope | {"connection.exclusive": exclusive}, checks, (before, after))
        return _probed(program, scope, execution, checks, met, steady, drifted(program, before, after))
    if met and drifted(program, before, after):
        return Reconciliation("diverged", True, None, checks, {}, "something else changed with it")
    if met:
        confirmed = _confirmed(program, scope, execution, checks)
        lost = confirmed.verdict != "confirmed" and program.made is not None
        if lost and program.made:
            return _made(program, program.made, scope | {"connection.exclusive": exclusive}, checks, (before, after))
        return confirmed
    if steady:
        return Reconciliation("not_applied", False, None, checks, {}, "the record is as it was")
    return Reconciliation("diverged", True, None, checks, {}, "the record changed, but not as expected")


def _proven_without_effect(execution: Execution, checks: tuple[Checked, ...], met: bool) -> Reconciliation:
    # INVARIANT: an attempt that proved that it had no effect is never `confirmed`.
    if met:
        return Reconciliation("contended", None, "state_only", checks, {}, "refused, yet the state is as asked for")
    if execution.delivery == "stopped":
        return Reconciliation("stopped", False, None, checks, {}, execution.fault or "the page is unknown")
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
        return Reconciliation("contended", None, None, checks, {}, "the list of objects could not be read")
    known = {str(o[made.id]) for o in before}
    new = [o for o in after if str(o[made.id]) not in known]
    if not new:
        gone = known - {str(o[made.id]) for o in after}
        if gone:
            return Reconciliation("contended", None, None, checks, {}, "somebody else changed the record meanwhile")
        return Reconciliation("again", False, None, checks, {}, "nothing new is there")
    start, end = seen[0].at_ms // 1000 - 2, seen[1].at_ms // 1000 + 2
    named = {"it": dict(new[0]), "window.start": _rfc3339(start), "window.end": _rfc3339(end)}
    own = {k: v for k, v in scope.items() if k.startswith(("inputs.", "connection."))} | named
    if len(new) > 1 or not made.ours.holds(own):
        return Reconciliation("contended", None, "other", checks, {}, "something new is there that may not be ours")
    found = _filled(made.outputs, own)
    if isinstance(found, Fault):
        return Reconciliation("contended", True, "ours", checks, {}, found.sentence)
    if all(name in found for name, _ in program.outputs):
        if all(c.met for c in checks):
            return Reconciliation("confirmed", True, "ours", checks, found, "found by what it made")
        return Reconciliation("contended", True, "ours", checks, {}, "what was made is not as expected")
    return Reconciliation("orphan", True, "ours", checks, {}, "it was made, but its outputs are lost", found)


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _confirmed(
    program: Program, scope: Mapping[str, object], execution: Execution, checks: tuple[Checked, ...]
) -> Reconciliation:
    outputs = outputs_of(program, scope)
    if isinstance(outputs, Fault):
        return Reconciliation("contended", True, None, checks, {}, outputs.sentence)
    # INVARIANT: without its evidence nothing that answered is `confirmed`
    if execution.delivery == "answered" and not _pictured(program, execution):
        return Reconciliation("contended", True, None, checks, {}, "the evidence is missing")
    tied = program.ours is not None and program.ours.holds(scope)
    ours = execution.response is not None and (execution.response.request_id is not None or execution.keyed or tied)
    sentence = "met when read back"
    return Reconciliation("confirmed", True, "ours" if ours else "state_only", checks, outputs, sentence)


def _pictured(program: Program, execution: Execution) -> bool:
    """Are the pictures there that the contract declares for a browser route?"""
    if execution.via == "http" or "screenshot" not in program.contract.evidence.get("browser", ()):
        return True
    return {"before.png", "after.png"} <= set(execution.evidence)


def outputs_of(program: Program, scope: Mapping[str, object]) -> dict[str, JsonValue] | Fault:
    """All declared outputs, or the fault of the first that is missing or ill-formed: then nothing is `confirmed`."""
    outputs = _filled(program.outputs, scope)
    if isinstance(outputs, Fault):
        return outputs
    for name, declared in program.contract.outputs.items():
        if isinstance(declared, Output) and not _formed(declared, outputs[name]):
            return Fault(f"the output `{name}` is missing")
    return outputs


def _filled(templates: Sequence[tuple[str, Template]], scope: Mapping[str, object]) -> dict[str, JsonValue] | Fault:
    outputs: dict[str, JsonValue] = {}
    for name, template in templates:
        value = template.filled(scope)
        if isinstance(value, Fault):
            return Fault(f"the output `{name}` is missing")
        outputs[name] = value
    return outputs


def _formed(declared: Output, value: JsonValue) -> bool:
    if declared.secret is not None:
        return isinstance(value, str) and 0 < len(value) <= MAX_SECRET
    if declared.pattern is not None:
        return isinstance(value, str) and re.fullmatch(declared.pattern, value) is not None
    return declared.enum is None or value in declared.enum


def _unknown(program: Program) -> tuple[Checked, ...]:
    return tuple(Checked(check.sentence, False) for check in program.expect)


def _equal(one: object, other: object) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return one == other
