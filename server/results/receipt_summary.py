"""Read a receipt aloud: what happened, asked by whom, decided by what, sent how, seen where."""

from collections.abc import Mapping

from pydantic import JsonValue

from server.results.answers import iso


def sentences(predicate: Mapping[str, JsonValue], why: str = "") -> list[str]:
    """Six plain sentences about one statement; values stand in backticks. `why`, the reason of a no, comes first."""
    contract, decision = _object(predicate.get("contract")), _object(predicate.get("decision"))
    at = predicate.get("atMs")
    when = iso(at) if isinstance(at, int) else "an unknown time"
    if predicate.get("action") is None:
        about = _object(predicate.get("about"))
        return [f"This is a `{predicate.get('kind')}` statement of {when}.", *(f"{k}: `{v}`" for k, v in about.items())]
    because = [f"{str(predicate.get('status')).capitalize()}: {why}."] if why else []
    changed = {True: "something changed", False: "nothing changed", None: "it is not known whether something changed"}
    state = predicate.get("changed")
    lines = [
        *because,
        f"At {when} the action `{predicate.get('action')}` was `{predicate.get('status')}`: "
        f"{changed[state if isinstance(state, bool) else None]}.",
        f"It was `{contract.get('id')}` version {contract.get('version')}"
        f" on the connection `{predicate.get('connection')}`, "
        f"asked for by the agent `{predicate.get('agent')}` for a person of `{predicate.get('tenant')}`.",
    ]
    policies = _object(decision.get("policies"))
    if policies:
        who = "; ".join(
            f"for the {k} by {', '.join(f'`{i}`' for i in _list(v)) or 'no policy'}" for k, v in policies.items()
        )
        lines.append(f"Cedar decided {who}.")
    for attempt in map(_object, _list(predicate.get("attempts"))):
        status = attempt.get("status")
        came = f"answered {status}" if status else f"gave no answer (`{attempt.get('fault')}`)"
        via, name = attempt.get("via"), attempt.get("identity")
        how = f" through `{via}`" if via and via != "http" else ""
        whose = f" as `{name}`" if name else ""
        sent = f"{attempt.get('method') or 'request'}{how}{whose}"
        lines.append(f"Attempt {attempt.get('attempt')} was a {sent}; the target {came}.")
        if notes := [str(n) for n in _list(attempt.get("notes"))]:
            lines.append(f"On the page, {'; '.join(notes)}.")
    for passed in map(_object, _list(predicate.get("skipped"))):
        lines.append(f"Route {passed.get('route')} was passed over: {passed.get('why')}.")
    checks = [_object(c) for c in _list(predicate.get("checks"))]
    if checks:
        met, unread = sum(c.get("met") is True for c in checks), sum(c.get("met") is None for c in checks)
        rest = f"; {unread} could not be read" if unread else ""
        observer = predicate.get("observer", "the record")
        lines.append(f"Read back through `{observer}`, {met} of {len(checks)} checks were met{rest}.")
    if drift := [f"`{name}`" for name in map(str, _list(predicate.get("drifted")))]:
        lines.append(f"This changed with it and should not have: {', '.join(drift)}.")
    steps = [str(_object(s).get("state")) for s in _list(predicate.get("steps"))]
    if steps:
        counted = ", ".join(f"{steps.count(word)} {word}" for word in dict.fromkeys(steps))
        why = f"; it stopped because {predicate.get('reason')}" if predicate.get("reason") else ""
        lines.append(f"It was a plan of {len(steps)} steps: {counted}{why}.")
    governed = "a released set" if predicate.get("governed") else "a development set (`governed: false`)"
    lines.append(f"It was decided under {governed}.")
    return lines


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
