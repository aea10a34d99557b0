"""A finding of the doctor: one layer, how it is, and the next command."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["OK", "WARN", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One layer: whether it is well, what is seen, and what to do next; `warns`: it works, and a person should look."""

    layer: str
    ok: bool
    says: str
    next: str = ""
    warns: bool = False

    @property
    def level(self) -> Level:
        """How it is, in one word."""
        return "FAIL" if not self.ok else "WARN" if self.warns else "OK"
