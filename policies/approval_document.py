"""The display document: what an approver sees, as canonical JSON, and the one pure function that renders it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.canonical import digest
from contracts.text.visible_text import visible

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


def render(display: Display) -> str:
    """The document as plain text, two columns. The same on page, terminal and in the offline verifier."""
    width = max(len(line.label) for line in display.lines)
    rows = []
    for line in display.lines:
        marker = f" ({WORDS[line.origin]})" if line.origin in WORDS else ""
        rows.append(f"{line.label.ljust(width)}  {visible(line.value)}{marker}")
    return "\n".join(rows)
