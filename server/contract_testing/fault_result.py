"""The result of one fault: what the gateway said, and what the target itself says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault. `done` is what the target itself says.

    `effects` are the sends of ours that took effect, or the new objects that are left, where an action makes one; for
    an adapter in Python, whether it is done. `note` is what was seen of an adapter that it must never do.
    """

    fault: str
    status: str
    sends: int
    effects: int
    done: bool
    note: str = ""

    @property
    def verdict(self) -> str:
        """What is shown: nothing wrong is `ok` only where something was sent, since only then a fault could meet it."""
        # `ok` for a fault that met nothing would be a promise that nobody looked at
        if not self.wrong and self.status == "confirmed" and not self.sends:
            return "not tried: it was so already (let an input differ: `--input NAME={n}`)"
        return self.wrong or "ok"

    @property
    def wrong(self) -> str:
        """What must never be, or nothing."""
        if self.note:
            return self.note
        if self.effects > 1:
            return "done twice"
        if self.status == "confirmed" and not self.done:
            return "confirmed, and it is not so"
        return "not_applied, and it is so" if self.status == "not_applied" and self.done else ""
