"""A check as a sentence that is true of what was observed."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from receipts.action.result_parts import ResultCheck
from receipts.reconciliation.checks import CheckResult


def checks_of(checks: Sequence[CheckResult]) -> tuple[ResultCheck, ...]:
    """Expectations, and whether each was met; `met` is None where it could not be read."""
    return tuple(ResultCheck(that=said_of(check.fact), met=None if check.fault else check.met) for check in checks)


def said_of(fact: Mapping[str, JsonValue]) -> str:
    """One check of a statement as a sentence that is true of what was observed, or that says why nothing was."""
    that, unless = str(fact.get("that")), fact.get("else")
    # a check without `else` is one of what must not be: its sentence is true where it is unmet
    so = that if unless is not None else f"ruled out: {that}"
    if fact.get("met") is True:
        return so
    if fact.get("met") is None:
        whether = f"whether {that}" if unless is not None else f"whether this is so: {that};"
        return f"{whether} is not known, because {fact.get('notRead')}"
    return str(unless) if unless is not None else that
