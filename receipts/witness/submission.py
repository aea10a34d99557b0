"""What a log asks a witness, and what its answer means (C2SP tlog-witness, seen from the log)."""

import re
from dataclasses import dataclass

from receipts.log.add_checkpoint import AddCheckpoint
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Cosigner, cosignature_lines
from receipts.store.log_tables import consistency_by
from receipts.store.row import Read


@dataclass(frozen=True, slots=True)
class Cosignature:
    """It cosigned: the signature lines, of which each holds."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenSize:
    """It has seen another size of this log: ask again with the proof from there."""

    size: int


@dataclass(frozen=True, slots=True)
class WitnessRefusal:
    """It has seen another past of this log, or more of it than there is: the log was cut, rewritten or forked."""

    says: str
    seen: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """It was not reached, or does not serve this log: nothing is known of the log by it."""

    says: str


Reply = Cosignature | SeenSize | WitnessRefusal | NoAnswer


def submission(read: Read, note: str, old: int) -> AddCheckpoint:
    """The request that a checkpoint be cosigned by a witness that has seen `old` statements."""
    return AddCheckpoint(old, tuple(consistency_by(read, old, Checkpoint.of_note(note).size)), note)


def reply_of(asked: AddCheckpoint, cosigner: Cosigner, status: int, body: str) -> Reply:
    """What an answer of HTTP means. An answer that says nothing checkable is none."""
    size = asked.checkpoint.size
    if status == 200:
        lines = cosignature_lines(asked.note, body, (cosigner,))
        return Cosignature(lines) if lines else NoAnswer("it answered with no cosignature that holds")
    if status == 409 and (found := re.fullmatch(r"(0|[1-9]\d{0,18})\n", body)):
        seen = int(found[1])
        if seen > size:
            return WitnessRefusal(f"it has seen {seen} statements, and the log has {size}", seen)
        if seen != asked.old:
            return SeenSize(seen)
        return WitnessRefusal(f"it has seen another log of {seen} statements", seen)
    if status == 422:
        return WitnessRefusal(f"the log does not continue the {asked.old} statements that it has seen", asked.old)
    known = {403: "it does not trust the key that signs the log", 404: "it does not know the log"}
    return NoAnswer(known.get(status, f"it answered with the status {status}"))
