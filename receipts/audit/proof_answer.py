"""The answer that a proof gives to one question about an action, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ProofAnswer:
    """Yes, no, or that the file cannot say it; `why` is the sentence for it.

    `contradicts`: what was run again says otherwise than the signed record.
    """

    verdict: Literal["yes", "no", "unknown"]
    why: str
    contradicts: bool = False

    @property
    def said(self) -> str:
        """The answer as people read it."""
        word = "cannot say" if self.verdict == "unknown" else self.verdict
        return f"{word}: {self.why}"


def yes(why: str) -> ProofAnswer:
    """It is so."""
    return ProofAnswer("yes", why)


def no(why: str, *, contradicts: bool = False) -> ProofAnswer:
    """It is not so."""
    return ProofAnswer("no", why, contradicts)


def unknown(why: str) -> ProofAnswer:
    """The file cannot say it."""
    return ProofAnswer("unknown", why)


def of_all(answers: Iterable[ProofAnswer], whole: str) -> ProofAnswer:
    """Yes where all are, with this sentence; else the first no, or the first that cannot be said."""
    found = list(answers)
    for word in ("no", "unknown"):
        first = next((one for one in found if one.verdict == word), None)
        if first is not None:
            return first
    return yes(whole)
