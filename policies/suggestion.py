"""Suggestions that tighten policies, from what was really asked: grants never used, roles nobody holds, far limits.

A suggestion is one edit of one policy's text. It is only ever narrower: a permit that goes, or a limit on one number
that comes closer. Whether it changes any decision of the past, and which tests speak for what it takes away, is looked
at afterwards (`server/workspace/policy_suggestion.py`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from policies.bundle import Bundle
from policies.policy_position import Position, policy_texts
from policies.policy_syntax import PolicySyntax, Span, Token
from policies.receipt_policy import APART
from policies.recorded_request import RecordedRequest

SuggestionKind = Literal["unused", "unheld", "range"]
_STEPS: Final = (1, 2, 5)
_ABOVE: Final = (">", ">=")
_BELOW: Final = ("<", "<=")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One edit: the policy, where it is, what is suggested and why, and the policy's text then ('' if it goes)."""

    kind: SuggestionKind
    policy: str
    position: Position
    says: str
    source: str


@dataclass(slots=True)
class PolicyUsage:
    """What was asked: how many decisions of each action, and the highest value of each number of their contexts.

    `policies` are those that decided anything.
    """

    policies: set[str] = field(default_factory=set)
    decisions: dict[str, int] = field(default_factory=dict)
    highest: dict[tuple[str, Path], int] = field(default_factory=dict)

    def see(self, asked: RecordedRequest) -> None:
        """Take in one recorded request."""
        self.decisions[asked.action] = self.decisions.get(asked.action, 0) + 1
        for path, value in _numbers(asked.plain, ()):
            key = (asked.action, path)
            self.highest[key] = max(value, self.highest.get(key, value))


def suggestions_of(bundle: Bundle, usage: PolicyUsage, held: Collection[str]) -> Iterator[Suggestion]:
    """What could be tightened, by the order of the files. `held` are the roles that somebody holds.

    Nothing is said of who may approve: a grant that is there for an emergency is not used before one.
    """
    for file, text in sorted(bundle.policy_texts.items()):
        for written in policy_texts(file, text) if file not in APART else ():
            syntax = PolicySyntax.of(written)
            actions = [a for a, sliced in bundle.slices.items() if written.id in sliced.nodes]
            asked = [action for action in actions if not action.startswith("approve:")]
            effect = syntax.text(syntax.effect)
            if effect == "permit" and asked and (removal := _removal(syntax, usage, held)):
                yield removal
                continue
            yield from _ranges(syntax, usage, effect, asked)


def _removal(syntax: PolicySyntax, usage: PolicyUsage, held: Collection[str]) -> Suggestion | None:
    own = syntax.policy
    role = _role_of(syntax.tokens(syntax.scope[0]))
    if role is not None and role not in held and own.id not in usage.policies:
        return Suggestion("unheld", own.id, own.position, f"nobody holds the role `{role}`: it permits nothing", "")
    if usage.decisions and own.id not in usage.policies:
        return Suggestion("unused", own.id, own.position, "no decision was by it", "")
    return None


def _role_of(tokens: Sequence[Token]) -> str | None:
    words = [word for _, word in tokens]
    at = next((n for n, word in enumerate(words) if word == "Role"), None)
    return words[at + 2][1:-1] if at is not None and at + 2 < len(words) else None


def _ranges(syntax: PolicySyntax, usage: PolicyUsage, effect: str, actions: Sequence[str]) -> Iterator[Suggestion]:
    for clause in syntax.clauses:
        # a forbid from a number on and a permit up to one are narrower where the number is smaller
        signs = _ABOVE if (effect == "forbid") is not clause.is_unless else _BELOW
        for span in clause.conjuncts:
            found = _comparison(syntax.tokens(span))
            if found is None or found[1] not in signs:
                continue
            path, sign, number = found
            seen = [usage.highest[a, path] for a in actions if (a, path) in usage.highest]
            if not seen:
                continue
            limit = _round(max(seen)) + (sign in (">=", "<"))
            if limit < int(number[1]):
                at = Span(number[0], number[0] + len(number[1]))
                says = f"`{'.'.join(path)}` was {max(seen)} at most: {limit} would do in place of {number[1]}"
                yield Suggestion("range", syntax.policy.id, syntax.position(at), says, syntax.changed(at, str(limit)))


def _comparison(tokens: Sequence[Token]) -> tuple[Path, str, Token] | None:
    """A condition that is nothing but a number of the context compared with a literal."""
    words = [word for _, word in tokens]
    if len(words) < 5 or words[0] != "context" or not words[-1].isdigit():
        return None
    names = words[1:-2]
    # approvals are asked for, and no range
    if any(word != "." for word in names[::2]) or len(names) % 2 or names[1] == "approvals":
        return None
    return tuple(names[1::2]), words[-2], tokens[-1]


def _round(value: int) -> int:
    """The next number of the form 1, 2 or 5 times a power of ten: what was seen is not all that will come."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= value:
                return step * power
        power *= 10


def _numbers(record: Mapping[str, object], path: Path) -> Iterator[tuple[Path, int]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, (*path, name))
        elif isinstance(value, int) and not isinstance(value, bool):
            yield (*path, name), value
