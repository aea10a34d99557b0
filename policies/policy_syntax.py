"""The syntax of one policy's text: where its effect, its scope and each part of its conditions stand.

Cedar's binding gives trees without positions. What a test has not tried, and which mistake it does not notice, has to
be shown in the file; so the text is taken apart here, by brackets alone, and Cedar parses whatever is made of it
(https://docs.cedarpolicy.com/policies/syntax-policy.html).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from policies.policy_position import PolicyText, Position, tokens_of

_OPEN: Final = "([{"
_CLOSE: Final = ")]}"
Token = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a policy's text, from `start` up to `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Clause:
    """One `when` or `unless`: where its word, the whole of it, and each conjunct of its condition stand."""

    word: Span
    whole: Span
    conjuncts: tuple[Span, ...]
    tokens: tuple[Token, ...]
    is_unless: bool


@dataclass(frozen=True, slots=True)
class PolicySyntax:
    """One policy, taken apart. `scope` are its principal, action and resource."""

    policy: PolicyText
    effect: Span
    scope: tuple[Span, Span, Span]
    clauses: tuple[Clause, ...]

    @classmethod
    def of(cls, policy: PolicyText) -> "PolicySyntax":
        """Take a policy apart that Cedar has parsed."""
        tokens = tokens_of(policy.source)
        at = 0
        while tokens[at][1] == "@":
            at += 2
            if tokens[at][1] == "(":
                at = _closing(tokens, at) + 1
        effect = _span(tokens[at])
        end = _closing(tokens, at + 1)
        principal, action, resource = _split(tokens[at + 2 : end], ",")
        clauses, at = [], end + 1
        while tokens[at][1] in ("when", "unless"):
            close = _closing(tokens, at + 1)
            clauses.append(_clause(tokens[at : close + 1]))
            at = close + 1
        return cls(policy, effect, (_over(principal), _over(action), _over(resource)), tuple(clauses))

    def text(self, span: Span) -> str:
        """What is written there, on one line."""
        return " ".join(self.policy.source[span.start : span.end].split())

    def position(self, span: Span) -> Position:
        """Where it is written."""
        return self.policy.at(span.start)

    def tokens(self, span: Span) -> list[Token]:
        """Its tokens, by their offsets in the policy's text."""
        return [(span.start + at, word) for at, word in tokens_of(self.policy.source[span.start : span.end])]

    def changed(self, span: Span, text: str) -> str:
        """The policy's text with another one in this place."""
        return self.policy.source[: span.start] + text + self.policy.source[span.end :]


def operands(tokens: Sequence[Token]) -> Iterator[tuple[Span, Sequence[Span]]]:
    """Each part of a chain of `||` or `&&`, at any depth, with all parts of its chain."""
    for piece in _split(tokens, ","):
        # what an `if` holds together is no chain
        if any(word == "if" for word in _at_depth(piece)):
            continue
        either = _split(piece, "||")
        for chain in (either, *(_split(one, "&&") for one in either)):
            if len(chain) > 1 and all(chain):
                spans = [_over(one) for one in chain]
                yield from ((one, spans) for one in spans)
    at = 0
    while at < len(tokens):
        if tokens[at][1] in _OPEN:
            close = _closing(tokens, at)
            yield from operands(tokens[at + 1 : close])
            at = close
        at += 1


def _clause(tokens: Sequence[Token]) -> Clause:
    body = tokens[2:-1]
    outer = list(_at_depth(body))
    # a chain of `&&` alone has parts of its own; anything else is one condition
    parts = [body] if "||" in outer or "if" in outer else _split(body, "&&")
    spans = tuple(_over(part) for part in parts)
    return Clause(_span(tokens[0]), _over(tokens), spans, tuple(body), tokens[0][1] == "unless")


def _at_depth(tokens: Sequence[Token]) -> Iterator[str]:
    """The words that stand in no bracket."""
    depth = 0
    for _, word in tokens:
        depth -= word in _CLOSE
        if depth == 0:
            yield word
        depth += word in _OPEN


def _split(tokens: Sequence[Token], sign: str) -> list[Sequence[Token]]:
    """The parts between such signs that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token[1] in _OPEN) - (token[1] in _CLOSE)
        if token[1] == sign and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    # a comma may stand after the last one
    return [part for part in parts if part] if sign == "," else list(parts)


def _closing(tokens: Sequence[Token], at: int) -> int:
    """The index of the bracket that closes the one at `at`."""
    depth = 0
    for index in range(at, len(tokens)):
        depth += (tokens[index][1] in _OPEN) - (tokens[index][1] in _CLOSE)
        if depth == 0:
            return index
    raise ValueError("a bracket is not closed")


def _span(token: Token) -> Span:
    return Span(token[0], token[0] + len(token[1]))


def _over(tokens: Sequence[Token]) -> Span:
    return Span(tokens[0][0], tokens[-1][0] + len(tokens[-1][1]))
