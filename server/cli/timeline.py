"""The timeline of an action as its signed statements tell it, for the demo."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from server.results.json_value import list_of, number_of, object_of

Predicate = Mapping[str, JsonValue]
_CALLED = ": arguments parsed"


def timeline_of(predicates: Sequence[Predicate]) -> list[tuple[int, str]]:
    """What the statements of one action and of its steps say, in the order of time."""
    told: set[str] = set()
    lines: list[tuple[int, str]] = []
    for predicate in predicates:
        steps = steps_of(predicate)
        # an action that waited is decided again under its first call: that it was called is told once
        if "calledMs" in predicate and str(predicate["action"]) in told:
            steps = [step for step in steps if not step[1].endswith(_CALLED)]
        told.add(str(predicate["action"]))
        lines += steps
    return sorted(lines, key=lambda line: line[0])


def steps_of(predicate: Predicate) -> list[tuple[int, str]]:
    """What one statement says, as (milliseconds since the epoch, sentence); of a step of a plan with its tool."""
    own = _steps_of(predicate)
    tool = object_of(predicate["contract"])["id"]
    return [(at, f"{tool}: {what}") for at, what in own] if isinstance(predicate.get("plan"), Mapping) else own


def _steps_of(predicate: Predicate) -> list[tuple[int, str]]:
    at, kind, status = number_of(predicate["atMs"]), predicate["kind"], predicate["status"]
    receipt, tool = str(predicate["receipt"])[:12], object_of(predicate["contract"])["id"]
    if status == "approved":
        return [(at, f"approved as {predicate.get('role')}, bound to this exact action ({receipt}…)")]
    attempt = predicate.get("attempt", 0)
    steps: list[tuple[int, str]] = []
    # an intent repeats when it was called: told once, by the outcome
    if "calledMs" in predicate and kind != "intent":
        steps.append((number_of(predicate["calledMs"]), f"{tool} called by {predicate['agent']}{_CALLED}"))
    steps += _looks(predicate, "before", "looked at")
    for sent in map(object_of, list_of(predicate.get("attempts"))):
        came = f"answered {sent['status']}" if sent["status"] else f"no answer ({sent['fault']}): in doubt"
        steps.append((number_of(sent["startedMs"]), f"{sent['method']} sent as {sent['identity']}"))
        steps.append((number_of(sent["endedMs"]), came))
    steps += _looks(predicate, "after", "read back")
    policies = object_of(object_of(predicate.get("decision")).get("policies"))
    by = " for agent and person by " + ", ".join(sorted({str(i) for ids in policies.values() for i in list_of(ids)}))
    checks = [object_of(c) for c in list_of(predicate.get("checks"))]
    if "planOf" in predicate:
        end = f"{_plan_end(predicate)}, signed and logged"
    elif kind == "intent":
        end = f"permitted{by}; intent {attempt} signed and logged before anything is sent"
    elif checks:
        end = f"{sum(c['met'] is True for c in checks)} of {len(checks)} checks met: {status}, signed and logged"
    else:
        end = f"{status}{by if policies else ' before anything was looked at'}; signed and logged"
    return [*steps, (at, f"{end} ({receipt}…)")]


def _plan_end(predicate: Predicate) -> str:
    """How a plan was decided, or how it ended: its own statement holds no look, since each of its steps has one."""
    units, status = number_of(object_of(predicate["planOf"])["units"]), predicate["status"]
    if predicate["kind"] != "outcome":
        return f"all {units} steps were read and decided beforehand: {status}, once for the whole plan"
    states = Counter(str(object_of(step)["state"]) for step in list_of(predicate.get("steps")))
    checks = [object_of(check)["met"] is True for check in list_of(predicate.get("checks"))]
    met = f"{sum(checks)} of {len(checks)} checks of the whole plan met, " if checks else ""
    return f"{met}{', '.join(f'{n} {state}' for state, n in sorted(states.items()))}: {status}"


def _looks(predicate: Predicate, phase: str, verb: str) -> list[tuple[int, str]]:
    seen = object_of(predicate.get(phase))
    times = [number_of(object_of(reading)["atMs"]) for reading in seen.values()]
    return [(max(times), f"{verb} {', '.join(sorted(seen))} with the read-only credential")] if times else []
