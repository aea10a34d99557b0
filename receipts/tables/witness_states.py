"""How each witness stands to the log, as entries of `meta`; its cosignatures are lines of the checkpoints' notes."""

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from receipts.store.log_tables import WITNESSED
from receipts.store.row import Read
from receipts.store.transaction import Txn

_PREFIX: Final = "witness/"
_SET: Final = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class WitnessState(BaseModel):
    """How far a witness has cosigned (statements, and when in milliseconds), and what it said where it refuses now.

    `told`: was the escalation of the refusal delivered?
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # a newer gateway may keep more

    size: int = Field(0, ge=0)
    at_ms: int = 0
    refusal: str = ""
    refused_ms: int = 0
    told: bool = True


def states(read: Read) -> Mapping[str, WitnessState]:
    """The state of each witness by its name. A row that cannot be read says nothing: the witness is asked anew."""
    found: dict[str, WitnessState] = {}
    for key, value in read("SELECT key, value FROM meta WHERE key LIKE 'witness/%' ORDER BY key"):
        try:
            found[str(key).removeprefix(_PREFIX)] = WitnessState.model_validate_json(str(value))
        except ValidationError:
            continue
    return found


def keep(txn: Txn, name: str, state: WitnessState) -> None:
    """Keep how a witness stands."""
    txn.write(_SET, _PREFIX + name, state.model_dump_json(), rows=None)


def cosign_note(txn: Txn, size: int, lines: Iterable[str]) -> str:
    """Add signature lines to the note of a checkpoint, each once; the note as it is then."""
    ((note,),) = txn.query("SELECT note FROM checkpoints WHERE size = ?", size)
    # a line holds a time, so that the same witness may have several: all of them are true
    cosigned = str(note) + "".join(line for line in lines if line not in str(note))
    txn.write("UPDATE checkpoints SET note = ? WHERE size = ?", cosigned, size)
    return cosigned


def mark_witnessed(txn: Txn, size: int) -> None:
    """From now on proofs end in the checkpoint of this size: enough witnesses cosigned it."""
    txn.write(_SET, WITNESSED, str(size), rows=None)
