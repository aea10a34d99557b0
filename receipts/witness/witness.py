"""The witness: cosigns a checkpoint of a log that it knows, if it continues the one before (C2SP tlog-witness).

`Witness.answer` takes the body of an add-checkpoint and gives the answer of HTTP. `server/listener/witness_endpoint.py`
serves it. It knows nothing of statements: hashes and signatures are all it sees.

- It MUST cosign no two trees of one log of which neither continues the other, across restarts too.
- What it has seen MUST be durable before a cosignature leaves.
- A checkpoint that no trusted key of its log signed MUST change nothing and MUST leave no row.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.log.add_checkpoint import SIZE_TYPE, AddCheckpoint
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Cosigner, cosign
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import consistent
from receipts.witness.witness_store import Refusal, WitnessStore

TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What a witness answers over HTTP."""

    status: int
    body: str
    media_type: str = TEXT


class Witness:
    """One witness: its name and key, its store, and the keys of each log that it knows, by the log's origin."""

    def __init__(
        self,
        name: str,
        key: Ed25519PrivateKey,
        logs: Mapping[str, LogKeys],
        store: WitnessStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cosigner = Cosigner(name, key.public_key().public_bytes_raw())
        self.store = store
        self._key = key
        self._logs = logs
        self._clock = clock

    def answer(self, data: bytes) -> WitnessAnswer:
        """Answer an add-checkpoint. Waits for the disk: not on a loop."""
        try:
            asked = AddCheckpoint.parse(data)
            checkpoint = asked.checkpoint
        except AilyusError as error:
            return _said(HTTPStatus.BAD_REQUEST, error.sentence)
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return _said(HTTPStatus.NOT_FOUND, "this witness does not know the log")
        try:
            keys.signed(asked.note, checkpoint.origin)  # guard: a log signs what a witness cosigns
        except AilyusError as error:
            return _said(HTTPStatus.FORBIDDEN, error.sentence)
        if asked.old > checkpoint.size:
            return _said(HTTPStatus.BAD_REQUEST, "the old size is larger than that of the checkpoint")
        seen = self.store.head(checkpoint.origin)
        if asked.old != seen.size:
            return self._conflict(seen, asked.note)
        refused = self._fault(seen, checkpoint, asked)
        if refused is not None:
            return refused
        return self._cosigned(seen, asked.note)

    def _fault(self, seen: Checkpoint, checkpoint: Checkpoint, asked: AddCheckpoint) -> WitnessAnswer | None:
        """Why a checkpoint does not continue what was seen; None where it does."""
        proof = list(asked.proof)
        if checkpoint.size == seen.size and not proof and checkpoint.root != seen.root:
            self._refuse("another tree of the same size", asked.note)
            return WitnessAnswer(HTTPStatus.CONFLICT, f"{seen.size}\n", SIZE_TYPE)
        # every log continues the empty tree, and that needs no proof (tlog-witness)
        from_nothing = seen.size == 0 and not proof
        # guard: a log continues what a witness has seen
        if from_nothing or consistent(seen.size, seen.root, checkpoint.size, checkpoint.root, proof):
            return None
        self._refuse("the proof does not hold", asked.note)
        return _said(HTTPStatus.UNPROCESSABLE_ENTITY, "the log does not continue what this witness has seen of it")

    def _conflict(self, seen: Checkpoint, note: str) -> WitnessAnswer:
        # a log that asks for a size begins so, and did nothing wrong; a shorter one than was seen is worth keeping
        if Checkpoint.of_note(note).size < seen.size:
            self._refuse(f"{seen.size} were seen before", note)
        return WitnessAnswer(HTTPStatus.CONFLICT, f"{seen.size}\n", SIZE_TYPE)

    def _refuse(self, why: str, note: str) -> None:
        self.store.refuse(Refusal(Checkpoint.of_note(note).origin, int(self._clock()), why, note))

    def _cosigned(self, seen: Checkpoint, note: str) -> WitnessAnswer:
        seconds = int(self._clock())
        if not self.store.replace(seen, note, seconds):  # another request came between
            return WitnessAnswer(HTTPStatus.CONFLICT, f"{self.store.head(seen.origin).size}\n", SIZE_TYPE)
        # after the commit: a cosignature that left must never be unknown to the store
        body = note.rpartition("\n\n")[0] + "\n"
        return WitnessAnswer(HTTPStatus.OK, cosign(self._key, self.cosigner.name, body, seconds))


def _said(status: HTTPStatus, sentence: str) -> WitnessAnswer:
    return WitnessAnswer(status, f"{sentence}\n")
