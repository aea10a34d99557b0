"""What a later look tells the person or the command that asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from receipts.reconciliation.checks import CheckResult


@dataclass(frozen=True, slots=True)
class RecheckAnswer:
    """`status` is `holds`, `drifted` or `not_read` for what was confirmed, else the status that was found."""

    action_id: str
    receipt_id: str | None
    status: str | None
    checks: Sequence[CheckResult] = ()

    @property
    def document(self) -> dict[str, JsonValue]:
        """The same as JSON, as `ailyus receipt recheck --format json` prints it."""
        return {
            "action": self.action_id,
            "receipt": self.receipt_id,
            "status": self.status,
            "checks": [check.fact for check in self.checks],
        }
