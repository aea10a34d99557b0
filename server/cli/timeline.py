"""The timeline of an action as its signed statements tell it, for the demo."""

from collections.abc import Mapping

from pydantic import JsonValue

from server.results.json_value import list_of, number_of, object_of

Predicate = Mapping[str, JsonValue]


def steps_of(predicate: Predicate) -> list[tuple[int, str]]:
    """What one statement says, as (milliseconds since the epoch, sentence)."""
    at, kind, status = number_of(predicate["atMs"]), predicate["kind"], predicate["status"]
    receipt, tool = str(predicate["receipt"])[:12], object_of(predicate["contract"])["id"]
    if status == "approved":
        return [(at, f"approved as {predicate.get('role')}, bound to this exact action ({receipt}…)")]
    attempt = predicate.get("attempt", 0)
    steps: list[tuple[int, str]] = []
    # an intent repeats when it was called: told once, by the outcome
    if "calledMs" in predicate and kind != "intent":
        steps.append((number_of(predicate["calledMs"]), f"{tool} called by {predicate['agent']}: arguments parsed"))
    steps += _looks(predicate, "before", "looked at")
    for sent in map(object_of, list_of(predicate.get("attempts"))):
        came = f"answered {sent['status']}" if sent["status"] else f"no answer ({sent['fault']}): in doubt"
        steps.append((number_of(sent["startedMs"]), f"{sent['method']} sent as {sent['identity']}"))
        steps.append((number_of(sent["endedMs"]), came))
    steps += _looks(predicate, "after", "read back")
    policies = object_of(object_of(predicate.get("decision")).get("policies"))
    by = " for agent and person by " + ", ".join(sorted({str(i) for ids in policies.values() for i in list_of(ids)}))
    checks = [object_of(c) for c in list_of(predicate.get("checks"))]
    if kind == "intent":
        end = f"permitted{by}; intent {attempt} signed and logged before anything is sent"
    elif checks:
        end = f"{sum(c['met'] is True for c in checks)} of {len(checks)} checks met: {status}, signed and logged"
    else:
        end = f"{status}{by if policies else ' before anything was looked at'}; signed and logged"
    return [*steps, (at, f"{end} ({receipt}…)")]


def _looks(predicate: Predicate, phase: str, verb: str) -> list[tuple[int, str]]:
    seen = object_of(predicate.get(phase))
    times = [number_of(object_of(reading)["atMs"]) for reading in seen.values()]
    return [(max(times), f"{verb} {', '.join(sorted(seen))} with the read-only credential")] if times else []
