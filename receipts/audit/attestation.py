"""The attestation of a log: which trusted witnesses cosigned how much of it, and which of them refuse it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from receipts.audit.roots import Roots
from receipts.log.checkpoint import Checkpoint
from receipts.store.key_history import keys_from
from receipts.store.log_tables import newest_note, witnessed_note
from receipts.store.row import Read
from receipts.tables.witness_states import states


@dataclass(frozen=True, slots=True)
class LogAttestation:
    """The size of the log that enough witnesses cosigned, and of the whole log; who did, and when (seconds)."""

    size: int
    whole: int
    witnesses: Mapping[str, int]

    @property
    def says(self) -> str:
        """One sentence for people."""
        names = ", ".join(sorted(self.witnesses))
        rest = self.whole - self.size
        later = f"; {rest} later ones only by the log itself" if rest else ""
        return f"witnessed: {self.size} of {self.whole} statements are attested by {names}{later}"


def attestation(read: Read, roots: Roots) -> LogAttestation | None:
    """How far the log is witnessed, by the witnesses that the verifier trusts; None where nothing is."""
    quorum, note = roots.quorum, witnessed_note(read)
    if quorum is None or not note or not quorum.is_met(note):
        return None
    # a row only names the checkpoint: it counts as what the log signed and these witnesses cosigned
    signed, _ = keys_from(read, roots.trusted).signed(note, roots.origin)
    return LogAttestation(signed.size, Checkpoint.of_note(newest_note(read)).size, quorum.among(note))


def witness_faults(read: Read, roots: Roots) -> Iterator[str]:
    """Refusals of witnesses that the gateway was told, and a log that too few trusted witnesses have cosigned."""
    for name, state in states(read).items():
        if state.refusal:  # guard: a witness that refuses
            yield f"the witness `{name}` refuses the log: {state.refusal}"
    quorum, newest = roots.quorum, newest_note(read)
    # guard: a log that is to be witnessed
    if quorum is not None and newest and attestation(read, roots) is None:
        among = f"{quorum.need} of {len(quorum.cosigners)} witnesses"
        yield f"no part of the log is cosigned by {among}, as the trusted roots ask for"
