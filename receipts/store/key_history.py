"""The keys that signed a log, as its rotations tell: forward from trusted roots, or up to our own key.

A row is only an index to a statement: of our own log a rotation counts where it lies under the root that our key
signed, and of another log where the key before it signed it.
"""

from collections.abc import Iterator
from typing import Final

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.log_keys import LogKey, LogKeys
from receipts.log.merkle import included, inclusion_proof, leaf_hash
from receipts.log.rotation import MARK, LogRotation, rotation_of
from receipts.log.signing import Envelope, Signer, open_note
from receipts.store.log_tables import newest_note, nodes_by
from receipts.store.row import Read, blob, integer

_ROTATIONS: Final = (
    "SELECT s.leaf_index, s.envelope FROM search AS w JOIN statements AS s USING (leaf_index)"
    f" WHERE w.value = '{MARK}' AND s.kind = 'rotation' ORDER BY s.leaf_index"
)


def keys_from(read: Read, trusted: LogKeys) -> LogKeys:
    """The trusted keys, and those that the log names after them. What no key before it signed is left to the audit."""
    keys = trusted
    for index, envelope, rotation in rotations(read):
        if keys.holds(envelope, index):
            try:
                keys = keys.after(rotation, index)
            except AilyusError:
                continue  # the roots know better: what its key signs does not hold
    return keys


def keys_to(read: Read, signer: Signer, origin: str) -> LogKeys:
    """Every key that signed the log which our own key signs now. Raises `store_corrupt`, `not_authentic`."""
    found = list(rotations(read))  # before the checkpoint, which may only be newer
    if not found:
        return LogKeys.of(signer)
    end = Checkpoint.parse(open_note(newest_note(read), origin, signer.public))
    node = nodes_by(read)
    keys: LogKeys | None = None
    for index, envelope, rotation in found:
        # INVARIANT 10: whoever writes rows names no key: a rotation is a leaf of the log that we signed
        if index >= end.size or not included(  # guard: rotations are in the log
            leaf_hash(envelope.leaf()), index, end.size, inclusion_proof(index, end.size, node), end.root
        ):
            continue
        before = keys or LogKeys((LogKey(rotation.former.keyid, rotation.former.public),))
        if not before.holds(envelope, index):
            raise AilyusError("store_corrupt", "a rotation of the log's key is not signed by the key before it")
        keys = before.after(rotation, index)
    if keys is None:
        return LogKeys.of(signer)
    if keys.newest.keyid != signer.keyid:
        raise AilyusError("store_corrupt", "the rotations of the log's key do not lead to the key that signs it")
    return keys


def rotations(read: Read) -> Iterator[tuple[int, Envelope, LogRotation]]:
    """The rotations of the log's key in its order, as rows have them."""
    for leaf, data in read(_ROTATIONS):
        envelope = Envelope.decode(blob(data))
        rotation = rotation_of(envelope)
        if rotation is not None:
            yield integer(leaf), envelope, rotation
