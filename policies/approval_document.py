"""The display document: what an approver sees, as canonical JSON, and the one pure function that renders it."""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.canonical import digest

# INVARIANT 2: nobody approves what they could not read
MAX_SHOWN = 2000
"""Characters of one value that can be shown; what does not fit cannot be approved."""
WORDS: Mapping[str, str] = MappingProxyType({"agent": "the agent's words", "source_of_truth": "the record's words"})
"""Whose words a value is, where it is not ours: said beside it wherever it is shown."""
Origin = Literal["gateway", "contract", "policy", "agent", "source_of_truth", "caller"]


class Line(BaseModel):
    """One label, its value and where the value comes from. Only the label may ever stand in a sentence.

    `source_of_truth` are words of a record, which anybody may have written there; they stand apart from ours.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    value: str
    origin: Origin


class Display(BaseModel):
    """Ordered lines; the order is part of what is signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        """Digest of the document that a signer recomputes from what it displays."""
        return digest([[line.label, line.value, line.origin] for line in self.lines])

    @property
    def fits(self) -> bool:
        """False when a value is too long to be shown whole."""
        return all(len(visible(line.value)) <= MAX_SHOWN for line in self.lines)


def visible(value: str) -> str:
    """Text with every control, invisible, direction-changing or look-alike character written as an escape.

    A word that mixes Latin letters with another script is escaped where it leaves Latin.
    """
    out = []
    for word in value.split(" "):
        # one script at a time: a Cyrillic letter in a Latin word looks like another word
        latin = any("a" <= c.lower() <= "z" for c in word)
        out.append("".join(_shown(c, latin) for c in word))
    return " ".join(out)


def _shown(char: str, latin: bool) -> str:
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    # combining marks change the letter before them, so they are escaped as well
    foreign = latin and category[0] == "L" and not unicodedata.name(char, "").startswith("LATIN")
    if category[0] in "CZ" or foreign or category == "Mn":
        return f"\\u{{{ord(char):04X}}}"
    return char


def render(display: Display) -> str:
    """The document as plain text, two columns. The same on page, terminal and in the offline verifier."""
    width = max(len(line.label) for line in display.lines)
    rows = []
    for line in display.lines:
        marker = f" ({WORDS[line.origin]})" if line.origin in WORDS else ""
        rows.append(f"{line.label.ljust(width)}  {visible(line.value)}{marker}")
    return "\n".join(rows)
