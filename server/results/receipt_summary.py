"""Read a receipt aloud: what happened, asked by whom, decided by what, sent how, seen where."""

from collections.abc import Mapping

from pydantic import JsonValue

from server.results.json_value import list_of, object_of
from server.results.timestamp import iso


def summarize(predicate: Mapping[str, JsonValue], why: str = "", says: str = "") -> list[str]:
    """Six plain sentences about one statement; values stand in backticks.

    `says`, the sentence of its action, comes first; then `why`, the reason of a no.
    """
    contract, decision = object_of(predicate.get("contract")), object_of(predicate.get("decision"))
    at = predicate.get("atMs")
    when = iso(at) if isinstance(at, int) else "an unknown time"
    if predicate.get("action") is None:  # of the gateway itself: a release, a key, an agent
        about = object_of(predicate.get("about"))
        return [f"This is a `{predicate.get('kind')}` statement of {when}.", *(f"{k}: `{v}`" for k, v in about.items())]
    because = [f"{says}."] if says else []
    because += [f"{str(predicate.get('status')).capitalize()}: {why}."] if why else []
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
    policies = object_of(decision.get("policies"))
    if policies:
        who = "; ".join(
            f"for the {k} by {', '.join(f'`{i}`' for i in list_of(v)) or 'no policy'}" for k, v in policies.items()
        )
        lines.append(f"Cedar decided {who}.")
    # names and ids alone, in backticks: what a target wrote is evidence and never a sentence of ours
    for attempt in map(object_of, list_of(predicate.get("attempts"))):
        status = attempt.get("status")
        came = f"answered {status}" if status else f"gave no answer (`{attempt.get('fault')}`)"
        via, name = attempt.get("via"), attempt.get("identity")
        how = f" through `{via}`" if via and via != "http" else ""
        whose = f" as `{name}`" if name else ""
        sent = f"{attempt.get('method') or 'request'}{how}{whose}"
        lines.append(f"Attempt {attempt.get('attempt')} was a {sent}; the target {came}.")
        if notes := [str(n) for n in list_of(attempt.get("notes"))]:
            lines.append(f"On the page, {'; '.join(notes)}.")
    for passed in map(object_of, list_of(predicate.get("skipped"))):
        lines.append(f"Route {passed.get('route')} was passed over: {passed.get('why')}.")
    checks = [object_of(c) for c in list_of(predicate.get("checks"))]
    if checks:
        met, unread = sum(c.get("met") is True for c in checks), sum(c.get("met") is None for c in checks)
        rest = f"; {unread} could not be read" if unread else ""
        observer = predicate.get("observer", "the record")
        lines.append(f"Read back through `{observer}`, {met} of {len(checks)} checks were met{rest}.")
    if drift := [f"`{name}`" for name in map(str, list_of(predicate.get("drifted")))]:
        lines.append(f"This changed with it and should not have: {', '.join(drift)}.")
    steps = [str(object_of(s).get("state")) for s in list_of(predicate.get("steps"))]
    if steps:
        counted = ", ".join(f"{steps.count(word)} {word}" for word in dict.fromkeys(steps))
        why = f"; it stopped because {predicate.get('reason')}" if predicate.get("reason") else ""
        lines.append(f"It was a plan of {len(steps)} steps: {counted}{why}.")
    governed = "a released set" if predicate.get("governed") else "a development set (`governed: false`)"
    lines.append(f"It was decided under {governed}.")
    return lines
