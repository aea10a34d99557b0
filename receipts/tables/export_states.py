"""How far each export has come, as entries of `meta`: its cursor, who sends for it now, and why it stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from receipts.store.row import Read
from receipts.store.transaction import Txn

UNREADABLE: Final = "how far it came cannot be read"
"""Why an export is stopped whose entry is none."""
_PREFIX: Final = "export/"
_ALL: Final = "SELECT key, value FROM meta WHERE key LIKE 'export/%' ORDER BY key"


class ExportState(BaseModel):
    """Where an export stands; times in milliseconds.

    `cursor` is the leaf up to which everything that it may send was taken, `last` the newest leaf that it sent: they
    differ where leaves in between belong to others. `fence` grows with each claim, which holds until `claimed_ms`.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # a newer gateway may keep more

    cursor: int = Field(ge=-1)
    last: int = Field(ge=-1)
    at_ms: int = 0
    fence: int = 0
    claimed_ms: int = 0
    tried: int = 0
    next_ms: int = 0
    fault: str = ""
    stopped_ms: int = 0
    told: bool = True


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export's entry: its state, and the text that a change of it must find."""

    name: str
    state: ExportState
    text: str


def rows(read: Read) -> Mapping[str, ExportRow]:
    """The entry of each export by its name; one that cannot be read is stopped."""
    return {str(key).removeprefix(_PREFIX): _row(str(key), str(value)) for key, value in read(_ALL)}


def begin(txn: Txn, name: str, state: ExportState) -> ExportRow:
    """Write an export's first entry; raises `Conflict` when somebody else did."""
    text = state.model_dump_json()
    txn.write("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO NOTHING", _PREFIX + name, text)
    return ExportRow(name, state, text)


def change(txn: Txn, row: ExportRow, state: ExportState) -> ExportRow:
    """Write where it stands now; raises `Conflict` when somebody else did since the row was read."""
    # INVARIANT: of two that send for one export, who was overtaken moves no cursor
    text = state.model_dump_json()
    sql = "UPDATE meta SET value = ? WHERE key = ? AND value = ?"
    txn.write(sql, text, _PREFIX + row.name, row.text)  # guard: who was overtaken moves no cursor
    return ExportRow(row.name, state, text)


def _row(key: str, text: str) -> ExportRow:
    name = key.removeprefix(_PREFIX)
    try:
        return ExportRow(name, ExportState.model_validate_json(text), text)
    except ValidationError:
        # to begin anew would leave out, or send again, what nobody knows: a person says from where it goes on
        lost = ExportState(cursor=-1, last=-1, fault=UNREADABLE, stopped_ms=1)
        return ExportRow(name, lost, text)
