"""The sentence of an action: what it does to whom, in the words of its contract, and words from outside apart.

It is made once, when the action is first committed, and stands in its row; its statements commit to it as evidence. It
is no decision and no proof: what people approve is their document, which says the same. `text` is words of ours, with
`[1]`, `[2]` … where a value could read as such; `apart` are those values, which MUST never stand in it unmarked.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contracts.compiler.template import is_one_word
from contracts.text.visible_text import visible

MAX_TEXT: Final = 600
MAX_APART: Final = 300
MAX_VALUES: Final = 5
_MARK: Final = re.compile(r"\[(\d)\]")
_WORD: Final = re.compile(r"\w+", re.UNICODE)
_ID: Final = re.compile(r"[^\s,;:()\[\]“”\"']+")
_LONGEST: Final = 64
_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class ActionSentence:
    """Words of ours, and the values that stand apart. Both are one line each, in visible characters."""

    text: str
    apart: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, apart: Iterable[str] = ()) -> "ActionSentence":
        """Bounded, each on one line."""
        return cls(_line(text, MAX_TEXT), tuple(_line(value, MAX_APART) for value in list(apart)[:MAX_VALUES]))

    @classmethod
    def about(cls, title: str, values: Iterable[str]) -> "ActionSentence":
        """What it is called and what it is about, where its contract says no more."""
        named, apart = [], []
        for value in list(values)[:MAX_VALUES]:
            if not is_one_word(value):
                apart.append(value)
            named.append(value if is_one_word(value) else f"[{len(apart)}]")
        return cls.of(f"{title}: {', '.join(named)}" if named else title, apart)

    @classmethod
    def unpacked(cls, stored: str) -> "ActionSentence":
        """From its row, as it was written."""
        text, *apart = stored.split("\n")
        return cls(text, tuple(apart))

    @property
    def packed(self) -> str:
        """As it is stored: the text on the first line, each value on one of its own."""
        return "\n".join((self.text, *self.apart))

    @property
    def parts(self) -> tuple[tuple[str, bool], ...]:
        """The pieces in order, each with whether it is a value that stands apart."""
        found: list[tuple[str, bool]] = []
        for number, piece in enumerate(_MARK.split(self.text)):
            is_value = number % 2 == 1 and 1 <= int(piece) <= len(self.apart)
            text = self.apart[int(piece) - 1] if is_value else f"[{piece}]" if number % 2 else piece
            if text:
                found.append((text, is_value))
        return tuple(found)

    @property
    def quoted(self) -> str:
        """On one line, each value in quotation marks where it belongs."""
        return "".join(f"“{_unquoted(text)}”" if is_value else text for text, is_value in self.parts)

    @property
    def words(self) -> frozenset[str]:
        """The words by which it is found: in lower case, without marks; an id or an e-mail address also whole."""
        return words_of(f"{self.text} {' '.join(self.apart)}")


def words_of(text: str) -> frozenset[str]:
    """The words of a text, as sentences are indexed and as people search for them; 60 of 64 characters at most."""
    lower = text.lower()
    found = dict.fromkeys(one for one in _ID.findall(lower) if not one.isdigit() or len(one) > 1)
    found |= dict.fromkeys(_WORD.findall(lower))
    return frozenset([one.strip(".,!?…")[:_LONGEST] for one in found if one.strip(".,!?…")][:_MOST])


def _line(value: str, most: int) -> str:
    line = visible(" ".join(value.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _unquoted(value: str) -> str:
    """INVARIANT: no value ends its own quotation."""
    return value.replace("“", "‘").replace("”", "’")  # guard: a value stays in its quotation
