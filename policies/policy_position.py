"""The position of each policy in its file, and of what is wrong in one: line and column, both from 1.

Cedar's binding tells no position. Policies are told apart by their text (a `;` outside of strings and comments ends
one), so that each is parsed by itself, and a fault is looked for in the text of one policy.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cedarpy

_TOKEN: Final = re.compile(
    r'(?P<space>\s+|//[^\n\r]*)|"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\d+|::|&&|\|\||[=!<>]=|.',
    re.DOTALL,
)
_END: Final = "unexpected end of input"
"""What Cedar says of a text that could still go on to be a policy."""
_QUOTED: Final = re.compile(r"`([^`]+)`|: (\S+)$")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """As compilers write it, `file:line:column`, which editors open."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One policy as it is written; `start` is where it begins in the text of its file."""

    file: str
    whole: str
    start: int
    source: str

    @property
    def position(self) -> Position:
        """Where it begins."""
        return self.at(0)

    @property
    def id(self) -> str:
        """What is written as its `@id`; empty where it has none, or does not parse so far."""
        tokens = [token for _, token in tokens_of(self.source)]
        for at in range(len(tokens) - 4):
            if tokens[at : at + 3] == ["@", "id", "("] and tokens[at + 3].startswith('"'):
                return tokens[at + 3][1:-1]
        return ""

    def of_word(self, *words: str) -> Position:
        """Where the first of these words stands that it has; else where it begins."""
        places = {token: at for at, token in reversed(tokens_of(self.source))}
        found = (places[form] for word in words for form in (word, f'"{word}"') if form in places)
        return self.at(next(found, 0))

    def of_fault(self, sentence: str) -> Position:
        """Where the fault stands that Cedar found in it, and tells of in this sentence."""
        tokens = tokens_of(self.source)
        if _is_unfinished(self.source):
            return self.at(len(self.source.rstrip()) - 1)
        if "number too large" in sentence:
            return self.of_word(max((token for _, token in tokens if token.isdigit()), key=len, default=""))
        # every beginning up to the wrong token is one that could go on: the first that could not ends with it
        low, high = 0, len(tokens)
        while low < high:
            middle = (low + high) // 2
            at, token = tokens[middle]
            if middle + 1 == len(tokens) or not _is_unfinished(self.source[: at + len(token)]):
                high = middle
            else:
                low = middle + 1
        if low < len(tokens) - 1:
            return self.at(tokens[low][0])
        # it parses, and means nothing: then the sentence names a word of it, the most special one last
        said = [one or other for one, other in _QUOTED.findall(sentence)]
        return self.of_word(*[part.strip("\"'") for word in reversed(said) for part in (word, word.split("::")[-1])])

    def at(self, offset: int) -> Position:
        """Where this offset of its text stands in the file."""
        before = self.whole[: self.start + offset]
        return Position(self.file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def policy_texts(file: str, text: str) -> Iterator[PolicyText]:
    """Each policy of a file in its order; what follows the last `;` is one too, which then does not parse."""
    start: int | None = None
    for at, word in tokens_of(text):
        start = at if start is None else start
        if word == ";":
            yield PolicyText(file, text, start, text[start : at + 1])
            start = None
    if start is not None:
        yield PolicyText(file, text, start, text[start:])


def positions_of(texts: Mapping[str, str]) -> dict[str, Position]:
    """Where each policy of these files begins, by its `@id`."""
    return {one.id: one.position for file, text in texts.items() for one in policy_texts(file, text) if one.id}


def tokens_of(text: str) -> Sequence[tuple[int, str]]:
    """Each token of Cedar's syntax with its offset; space and comments are left out."""
    return [(found.start(), found[0]) for found in _TOKEN.finditer(text) if found.lastgroup != "space"]


def excerpt_of(text: str, position: Position) -> list[str]:
    """The line of a position, and a caret below its column."""
    # not `splitlines`: Cedar and editors count line feeds
    lines = text.split("\n")
    if not 1 <= position.line <= len(lines):
        return []
    line = lines[position.line - 1].replace("\t", " ")
    number = str(position.line)
    return [f"  {number} | {line}", f"  {' ' * len(number)} | {' ' * (position.column - 1)}^"]


def _is_unfinished(text: str) -> bool:
    try:
        cedarpy.policies_to_pst(text)
    except ValueError as error:
        return str(error).startswith(_END)
    return False
