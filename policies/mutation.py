"""Mutations of policies: one mistake in one policy at a time, as somebody could make it, with its place in the file.

They are made in the text, so that a survivor can be shown where it is. Cedar and the checks of a release judge each of
them afterwards (`mutation_score.py`): what does not load needs no test.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from contracts.schema.contract import RISKS
from policies.policy_position import Position, policy_texts
from policies.policy_syntax import Clause, PolicySyntax, Span, Token, operands
from policies.receipt_policy import FILE as RECEIPT_FILE

MutationKind = Literal["removed", "effect", "scope", "condition", "operator", "constant", "role"]
Change = tuple[MutationKind, Span, str]
_OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "&&": ("||",),
    "||": ("&&",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "!": ("",),
}
_COMPARISONS: Final = frozenset(_OPERATORS)
_RISK: Final = "risk_at_least_"


@dataclass(frozen=True, slots=True)
class MutantNames:
    """The roles and environments that a mistake can put in the place of another one."""

    roles: tuple[str, ...]
    environments: tuple[str, ...]

    @classmethod
    def of(cls, roles: Collection[str], environments: Collection[str]) -> "MutantNames":
        """In an order that is the same in every process."""
        return cls(tuple(sorted(roles)), tuple(sorted(environments)))


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: the policy, what is other, where it stands, and the policy's text with it ('' if it is removed)."""

    policy: str
    kind: MutationKind
    says: str
    position: Position
    source: str


def mutants_of(texts: Mapping[str, str], names: MutantNames) -> Iterator[Mutant]:
    """Every mistake in these files, in the order of files and policies."""
    for file, text in sorted(texts.items()):
        # a case is about an action or a release, and notices nothing of who reads
        for written in policy_texts(file, text) if file != RECEIPT_FILE else ():
            syntax = PolicySyntax.of(written)
            yield Mutant(written.id, "removed", "the policy is removed", written.position, "")
            for kind, span, other in _changes(syntax, names):
                says = f"`{_short(syntax.text(span))}` {f'→ `{_short(other)}`' if other else 'is removed'}"
                yield Mutant(written.id, kind, says, syntax.position(span), syntax.changed(span, other))


def _changes(syntax: PolicySyntax, names: MutantNames) -> Iterator[Change]:
    yield "effect", syntax.effect, "permit" if syntax.text(syntax.effect) == "forbid" else "forbid"
    for word, span in zip(("principal", "action", "resource"), syntax.scope, strict=True):
        if syntax.text(span) != word:
            yield "scope", span, word
            yield from _names(syntax.tokens(span), names)
    for clause in syntax.clauses:
        yield from chain(_conditions(syntax, clause), _operators(clause.tokens), _names(clause.tokens, names))


def _conditions(syntax: PolicySyntax, clause: Clause) -> Iterator[Change]:
    """A clause that is lost or turned round, and a part that is lost or the opposite."""
    yield "condition", clause.whole, ""
    yield "condition", clause.word, "when" if clause.is_unless else "unless"
    for span, parts in operands(clause.tokens):
        at = parts.index(span)
        # the sign that joins it to its neighbour goes, too
        cut = Span(span.start, parts[1].start) if at == 0 else Span(parts[at - 1].end, span.end)
        yield "condition", cut, ""
    for span in clause.conjuncts:
        # a comparison has another sign anyway; a flag, a `has` or a `like` has none
        if not _COMPARISONS.intersection(word for _, word in syntax.tokens(span)):
            yield "condition", span, f"!({syntax.policy.source[span.start : span.end]}\n)"


def _operators(tokens: Sequence[Token]) -> Iterator[Change]:
    for at, (start, word) in enumerate(tokens):
        span = Span(start, start + len(word))
        for other in _OPERATORS.get(word, ()):
            yield "operator", span, other
        # not a part of a name, and no index
        if word.isdigit():
            number = int(word)
            yield from (("constant", span, str(n)) for n in (number + 1, number - 1, number * 1000) if n != number)
        elif word in ("true", "false") and tokens[at - 1][1] != ".":
            yield "constant", span, "false" if word == "true" else "true"


def _names(tokens: Sequence[Token], names: MutantNames) -> Iterator[Change]:
    """Another role, environment, kind of principal or group of actions."""
    words = [word for _, word in tokens]
    for at, (start, word) in enumerate(tokens):
        span = Span(start, start + len(word))
        before = words[max(0, at - 2) : at]
        literal = word[1:-1] if word.startswith('"') else ""
        if before == ["Role", "::"]:
            yield from (("role", span, f'"{other}"') for other in _others(names.roles, literal))
        elif before == ["approvals", "."] and word in names.roles:
            yield from (("role", span, other) for other in _others(names.roles, word))
        elif before == ["Environment", "::"]:
            yield from (("constant", span, f'"{other}"') for other in _others(names.environments, literal))
        elif before == ["Action", "::"]:
            yield from (("scope", span, f'"{other}"') for other in _groups(literal))
        elif before[-1:] == ["is"] and word in ("Agent", "Person"):
            yield "scope", span, "Person" if word == "Agent" else "Agent"


def _others(names: Sequence[str], own: str) -> Sequence[str]:
    """Two others: a third one would be the same mistake."""
    return [name for name in names if name != own][:2]


def _groups(group: str) -> Iterator[str]:
    if group.startswith(_RISK) and group.removeprefix(_RISK) in RISKS:
        at = RISKS.index(group.removeprefix(_RISK))
        yield from (_RISK + RISKS[n] for n in (at - 1, at + 1) if 0 <= n < len(RISKS))
    elif group in ("read", "write"):
        yield "write" if group == "read" else "read"


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 80 else f"{one_line[:79]}…"
