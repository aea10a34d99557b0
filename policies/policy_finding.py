"""A finding about policies: what is wrong or doubtful, where it stands, and what to do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from contracts.errors import AilyusError
from policies.policy_position import Position, excerpt_of

Level = Literal["error", "warning", "note"]
_PLACE: Final = re.compile(r"(?P<file>[^:]+\.(?:cedar|yaml|yml|toml|json))(?::(?P<line>\d+))?(?::(?P<column>\d+))?")
_LINE: Final = re.compile(r"\bline (\d+)\b")


@dataclass(frozen=True, slots=True)
class PolicyFinding:
    """One finding. `rule` is the code of an error or the name of a lint rule; `position` is None outside of files."""

    rule: str
    level: Level
    says: str
    hint: str = ""
    position: Position | None = None
    # what it is about where no file says it, such as `connections.okta`
    subject: str = ""

    def moved(self, folder: str) -> "PolicyFinding":
        """The same, its file in this folder."""
        if self.position is None:
            return self
        return replace(self, position=replace(self.position, file=f"{folder}{self.position.file}"))

    def lines(self, texts: Mapping[str, str]) -> list[str]:
        """For people: place, sentence, the line with a caret, and what to do."""
        where = f"{self.position}: " if self.position else f"{self.subject}: " if self.subject else ""
        text = texts.get(self.position.file, "") if self.position else ""
        shown = excerpt_of(text, self.position) if self.position and text else []
        hint = [f"  hint: {self.hint}"] if self.hint else []
        return [f"{where}{self.level}: {self.says} [{self.rule}]", *shown, *hint]


def findings_of(error: AilyusError) -> list[PolicyFinding]:
    """Every fault of an error as a finding."""
    # an error of several faults says the others on further lines, and each of them is a finding of its own
    first = error.sentence.split("\n  ")[0] if error.also else error.sentence
    return [_finding(error, first), *(_finding(one, one.sentence) for one in error.also)]


def sorted_findings(findings: Iterable[PolicyFinding]) -> list[PolicyFinding]:
    """By file and line; those without a file come first."""
    return sorted(
        findings,
        key=lambda f: (f.position.file, f.position.line, f.position.column) if f.position else ("", 0, 0),
    )


def _finding(error: AilyusError, sentence: str) -> PolicyFinding:
    place = _PLACE.fullmatch(error.field or "")
    if place is None:
        return PolicyFinding(error.code, "error", sentence, error.hint, None, error.field or "")
    line = place["line"] or (found[1] if (found := _LINE.search(sentence)) else "1")
    position = Position(place["file"], int(line), int(place["column"] or 1))
    return PolicyFinding(error.code, "error", sentence, error.hint, position)
