"""A finding of the doctor: one layer, whether it is well, and the next command."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One layer: whether it is well, what is seen, and what to do next."""

    layer: str
    ok: bool
    says: str
    next: str = ""
