"""The sort of texts: numbers where texts are only compared, strings where a policy looks into them with `like`."""

import re
from collections.abc import Sequence

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed
from cedarpy import pst

from policies.proof.formula import Unmodelled

_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
_GREATEST_CHARACTER = 0x2FFFF
"""The last code point that SMT-LIB's strings have."""


class TextSort:
    """Texts as terms. Equality says all about a text that nothing looks into, and numbers decide it much faster.

    One object serves all formulas of a run, so that a literal is the same term in each.
    """

    def __init__(self, looks_inside: bool) -> None:
        self.looks_inside = looks_inside
        self.sort: z3.SortRef = z3.StringSort() if looks_inside else z3.IntSort()
        self._numbers: dict[str, int] = {}

    def literal(self, text: str) -> z3.ExprRef:
        """The term of a known text."""
        if not self.looks_inside:
            # below zero, so that what the solver is free to choose looks like no text of a policy
            return z3.IntVal(-1 - self._numbers.setdefault(text, len(self._numbers)))
        # the backslash too: z3 reads `\u{...}` in a literal as an escape
        self._numbers.setdefault(text, len(self._numbers))
        return z3.StringVal(text.replace("\\", "\\u{5c}"))

    def literals(self) -> Sequence[str]:
        """Every known text, in the order of its first use."""
        return tuple(self._numbers)

    def text(self, term: z3.ExprRef) -> str:
        """The text that a constant term stands for."""
        if self.looks_inside:
            return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), str(term.as_string()))
        number = int(term.as_long())
        known = self.literals()
        if -len(known) <= number < 0:
            return known[-1 - number]
        # any other number is a text that no policy names
        return f"text{number}" if number >= 0 else f"text_{-number}"

    def matches(self, term: z3.ExprRef, pattern: Sequence[pst.PatternElem]) -> z3.BoolRef:
        """Does a text match a pattern of `like`? Raises `Unmodelled`."""
        if not self.looks_inside:
            raise Unmodelled("`like` where texts are numbers")
        parts: list[z3.ReRef] = []
        for element in pattern:
            if isinstance(element, pst.Wildcard):
                parts.append(z3.Full(z3.ReSort(z3.StringSort())))
                continue
            if ord(element.value) > _GREATEST_CHARACTER:
                raise Unmodelled(f"the character U+{ord(element.value):X} in a pattern")
            parts.append(z3.Re(self.literal_of(element.value)))
        if not parts:
            return term == z3.StringVal("")
        return z3.InRe(term, z3.Concat(*parts) if len(parts) > 1 else parts[0])

    def literal_of(self, character: str) -> z3.ExprRef:
        """The term of one character of a pattern, which is no text of its own."""
        return z3.StringVal(character.replace("\\", "\\u{5c}"))
