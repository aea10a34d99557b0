"""How an export stands: how far it is behind, whether it waits for a person, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from receipts.export.batch import ExportLag, lag_of
from receipts.store.row import Read
from receipts.tables import export_states
from receipts.tables.export_states import ExportState


@dataclass(frozen=True, slots=True)
class ExportStanding:
    """Behind by so many leaves, the oldest since when (milliseconds, 0: none waits); `at_ms` is of the last batch.

    `stopped`: it waits for a person. `fault` is why the last batch was not taken.
    """

    cursor: int = -1
    at_ms: int = 0
    behind: int = 0
    since_ms: int = 0
    stopped: bool = False
    fault: str = ""

    @classmethod
    def of(cls, state: ExportState, lag: ExportLag) -> "ExportStanding":
        """How an export with this state stands."""
        behind = lag.leaves if lag.since_ms else 0
        return cls(state.cursor, state.at_ms, behind, lag.since_ms, state.stopped_ms > 0, state.fault)


def standings(read: Read, tenants: Mapping[str, str | None]) -> Mapping[str, ExportStanding]:
    """How each of these exports stands, by its name with its tenant; one that never began is left out."""
    known = export_states.rows(read)
    return {
        name: ExportStanding.of(known[name].state, lag_of(read, known[name].state.cursor, tenant))
        for name, tenant in tenants.items()
        if name in known
    }
