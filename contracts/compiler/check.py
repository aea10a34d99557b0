"""The compiled condition on observed states, and the values of paths that it reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.compiler.expressions import Expression, Fault, Scope


class Absence:
    """The one value of a path that leads nowhere; never equal to null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absence()


def lookup(path: str, scope: Scope) -> object:
    """The value at a qualified path such as `before.user.profile.email`, or `ABSENT`."""
    parts = path.split(".")
    # the first two parts are one flat name of the scope; the rest leads into its value
    value: object = scope.get(".".join(parts[:2]), ABSENT)
    for part in parts[2:]:
        value = value.get(part, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


def is_cut(path: str, scope: Scope, cut: frozenset[str]) -> bool:
    """Does this path lead to a list, or to what holds one, in a read (its first two words) that is not whole?"""
    return ".".join(path.split(".")[:2]) in cut and _holds_list(lookup(path, scope))


def cut_path(expressions: Iterable[Expression], scope: Scope, cut: frozenset[str]) -> str | None:
    """The first path of these expressions that leads to a list that is not whole, or None."""
    return next((p for e in expressions for p in sorted(e.paths()) if is_cut(p, scope, cut)), None) if cut else None


def _holds_list(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, Mapping) and any(map(_holds_list, value.values())))


@dataclass(frozen=True, slots=True)
class Check:
    """A compiled condition with the sentence for when it does not hold, and the one for when it does.

    `absent` is why a field that is not there counts as met; without it such a condition has no value.
    """

    expression: Expression
    sentence: str
    so: str = ""
    absent: str = ""

    @property
    def said(self) -> str:
        """What is true when it holds."""
        return self.so or f"not the case: {self.sentence}"

    def value(self, scope: Scope) -> bool | Fault:
        """Whether it holds, or why that is not known."""
        value = self.expression.value(scope)
        if isinstance(value, bool):
            return value
        # INVARIANT 9: an absent value decides nothing unless the contract says what its absence means
        if self.absent and any(lookup(path, scope) is ABSENT for path in self.expression.paths()):
            return True
        return value if isinstance(value, Fault) else Fault("it is neither true nor false")
