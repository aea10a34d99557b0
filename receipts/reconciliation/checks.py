"""The checks of a contract: each expectation evaluated on what was read, as met, unmet or not read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.compiler.check import ABSENT, Check, is_cut, lookup
from contracts.compiler.expressions import Fault
from contracts.compiler.list_search import only_finds
from contracts.compiler.program import Program
from receipts.statement.attempt_facts import CheckFact


@dataclass(frozen=True, slots=True)
class CheckResult:
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


def stated(checks: Iterable[CheckResult]) -> tuple[CheckFact, ...]:
    """Checks as they stand in a statement."""
    return tuple(CheckFact.model_validate(check.fact) for check in checks)


def checks_of(
    checks: Sequence[Check], scope: Mapping[str, object], cut: frozenset[str] = frozenset()
) -> tuple[CheckResult, ...]:
    """Every expectation evaluated: met, unmet, or not read. `cut`: the reads whose lists are not whole."""
    return tuple(_checked(check, scope, cut) for check in checks)


def _checked(check: Check, scope: Mapping[str, object], cut: frozenset[str]) -> CheckResult:
    value = check.value(scope)
    # INVARIANT: what could not be evaluated is neither met nor unmet
    if isinstance(value, Fault):
        absent = sorted(p for p in check.expression.paths() if lookup(p, scope) is ABSENT)
        fault = f"`{absent[0]}` is not in the record" if absent else value.sentence
        return CheckResult(check.sentence, False, check.so, fault)  # guard: what was not read is not unmet
    # INVARIANT: a list that is not whole proves nothing by what it does not hold
    paged = sorted(p for p in check.expression.paths() if is_cut(p, scope, cut)) if cut else []
    if paged and not (value and only_finds(check.expression.text, paged)):  # guard: one page proves no absence
        return CheckResult(check.sentence, False, check.so, f"`{paged[0]}` is one page of several")
    return CheckResult(check.sentence, value, check.so)


def are_cut(paths: Sequence[str], before: Observation, after: Observation) -> bool:
    """Is one of these `before.*` paths a list that is not whole, in either look?"""
    old, new = before.scope("before"), after.scope("before")
    cut = before.cut("before") | after.cut("before")
    return any(is_cut(p, old, cut) or is_cut(p, new, cut) for p in paths)


def unread(program: Program, fault: str) -> tuple[CheckResult, ...]:
    """Every expectation as one that could not be read."""
    return tuple(CheckResult(check.sentence, False, check.so, fault) for check in program.expect)
