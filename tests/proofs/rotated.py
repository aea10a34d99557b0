"""Proof files of a log whose key was rotated: good ones, and those that whoever holds one of its keys can forge."""

from collections.abc import Mapping, Sequence

from receipts.audit.proof import ProofEntry, ProofFile
from receipts.audit.roots import Roots
from receipts.log.checkpoint import Checkpoint, LogProof
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import inclusion_proof, range_hash
from receipts.log.signing import Envelope, Signer
from tests.receipts.rotations import ORIGIN, history, keys_of, nodes_of, plain, rotated, signer


def proof(log: Sequence[Envelope], wanted: int, also: Sequence[int], by: Signer) -> ProofFile:
    """The statement at a leaf, and those at others, under a checkpoint over the whole log that this key signs."""
    node, size = nodes_of(log), len(log)
    note = by.note(ORIGIN, Checkpoint(ORIGIN, size, range_hash(0, size, node)).body)
    entries = tuple(
        ProofEntry(
            envelope=log[at].encoded().decode(),
            proof=LogProof(at, tuple(inclusion_proof(at, size, node)), note).text(),
        )
        for at in sorted({wanted, *also})
    )
    return ProofFile(format="ailyus-proof-v1", receipt=receipt(log[wanted]), statements=entries, disclosures=())


def receipt(envelope: Envelope) -> str:
    """The receipt that a statement names."""
    head = b'"receipt":"'
    begin = envelope.payload.index(head) + len(head)
    return envelope.payload[begin : envelope.payload.index(b'"', begin)].decode()


def put(log: Sequence[Envelope], at: int, envelope: Envelope) -> list[Envelope]:
    """The same log with another statement there."""
    return [*log[:at], envelope, *log[at + 1 :]]


def made() -> tuple[dict[str, bytes], dict[str, bytes], Roots, Roots]:
    """Good files, bad files, the roots that name the first key alone, and those that name all keys with their parts.

    A signs the leaves 0 to 2, B 3 to 5, C what follows; 2 and 5 are the rotations.
    """
    a, b, c, stranger = (signer() for _ in range(4))
    log, places = history([a, b, c], [2, 2, 2]), (2, 5)
    late = plain(a, 6)
    good = {
        "good-before-the-rotation": proof(log[:2], 0, (), a),
        "good-between-two-rotations": proof(log[:5], 3, (2,), b),
        "good-by-the-newest-key": proof(log, 7, places, c),
        "good-older-than-both-rotations": proof(log, 0, places, c),
    }
    bad = {
        "checkpoint-by-a-former-key": proof(log, 0, places, b),
        "checkpoint-by-the-first-key": proof(log, 0, places, a),
        "checkpoint-over-a-rotation-by-its-former-key": proof(log[:3], 0, (2,), a),
        "former-key-after-its-rotation": proof(put(log, 6, late), 6, places, c),
        "former-key-at-the-very-next-leaf": proof(put(log, 3, plain(a, 3)), 3, places, c),
        "new-key-before-its-rotation": proof(put(log, 1, plain(b, 1)), 1, places, c),
        "rotation-by-a-former-key-again": proof(put(log, 6, rotated(a, stranger, 6)), 0, (*places, 6), c),
        "rotation-by-a-stranger": proof(put(log, 2, rotated(a, stranger, 2, by=stranger)), 0, (2,), stranger),
        "rotation-by-the-new-key": proof(put(log, 2, rotated(a, b, 2, by=b)), 0, places, c),
        "rotation-that-is-not-in-the-log": _moved(proof(log, 0, places, c)),
        "rotation-to-a-key-that-signs-already": proof([*log, rotated(c, a, 8)], 0, (*places, 8), a),
    }
    first = Roots.of(ORIGIN, LogKeys.of(a))
    return _encoded(good), _encoded(bad), first, Roots.of(ORIGIN, keys_of(log, a))


def _encoded(files: Mapping[str, ProofFile]) -> dict[str, bytes]:
    return {name: file.encoded() for name, file in files.items()}


def _moved(file: ProofFile) -> ProofFile:
    """Its first rotation claims a place after the statements that it would let another key sign."""
    entries = list(file.statements)
    at = next(n for n, entry in enumerate(entries) if "index 2\n" in entry.proof)
    entries[at] = entries[at].model_copy(update={"proof": entries[at].proof.replace("index 2\n", "index 1\n")})
    return file.model_copy(update={"statements": tuple(entries)})
