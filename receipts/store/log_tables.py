"""The log as the tables `nodes` and `checkpoints` hold it, and the proofs that they give."""

from collections.abc import Callable

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint, LogProof
from receipts.log.merkle import Frontier, consistency_proof, inclusion_proof
from receipts.store.row import Read, blob, integer

NEWEST = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
NODES = "INSERT INTO nodes VALUES (?, ?, ?)"
CHECKPOINTS = "INSERT INTO checkpoints VALUES (?, ?, ?)"
WITNESSED = "witnessed"
"""The key in `meta` of the size of the newest checkpoint that enough witnesses cosigned."""
_ARCHIVED = (
    "SELECT a.leaf_index, n.hash FROM archive_leaves AS a JOIN nodes AS n ON n.level = 0 AND n.idx = a.leaf_index"
    " WHERE a.leaf_index >= ? AND a.leaf_index < ? ORDER BY a.leaf_index"
)


def frontier_at(size: int, note: str, node: Callable[[int, int], bytes]) -> Frontier:
    """The log's frontier at a size, whose root must be that of its checkpoint."""
    frontier = Frontier.of(size, node)
    # INVARIANT 10: nodes are rows: to go on from other ones than were signed would fork the log
    if Checkpoint.of_note(note).root != frontier.root():
        raise AilyusError("store_corrupt", "the log's nodes do not give the root of its checkpoint")
    return frontier


def nodes_by(read: Read) -> Callable[[int, int], bytes]:
    """The nodes of the log, by level and index."""

    def node(level: int, index: int) -> bytes:
        rows = read("SELECT hash FROM nodes WHERE level = ? AND idx = ?", level, index)
        if not rows:
            raise AilyusError("store_corrupt", "a node of the log is missing")
        return blob(rows[0][0])

    return node


def newest_note(read: Read) -> str:
    """The newest committed checkpoint note, '' when there is none."""
    rows = read(NEWEST)
    return str(rows[0][0]) if rows else ""


def witnessed_note(read: Read) -> str:
    """The newest checkpoint note that enough witnesses cosigned, as a row says; '' when there is none."""
    # cast to text: an entry of `meta` that is no number matches nothing
    sql = "SELECT note FROM checkpoints WHERE CAST(size AS TEXT) = (SELECT value FROM meta WHERE key = ?)"
    rows = read(sql, WITNESSED)
    return str(rows[0][0]) if rows else ""


def witnessed_size(read: Read) -> int:
    """How many statements enough witnesses have cosigned, as a row says."""
    note = witnessed_note(read)
    return Checkpoint.of_note(note).size if note else 0


def note_over(read: Read, size: int) -> str:
    """The note that proofs of the first `size` leaves end in: a witnessed one that covers them, else the newest."""
    note = witnessed_note(read)
    return note if note and Checkpoint.of_note(note).size >= size else newest_note(read)


def proof_by(read: Read, leaf_index: int, note: str = "") -> LogProof:
    """The inclusion proof of a leaf in a committed checkpoint; in the newest one if none is given."""
    note = note or newest_note(read)
    hashes = inclusion_proof(leaf_index, Checkpoint.of_note(note).size, nodes_by(read))
    return LogProof(leaf_index, tuple(hashes), note)


def consistency_by(read: Read, old: int, size: int) -> list[bytes]:
    """The consistency proof between two sizes of the log."""
    return consistency_proof(old, size, nodes_by(read))


def hashes_between(read: Read, first: int, end: int) -> list[tuple[int, bytes]]:
    """Leaf and hash of each archived leaf from `first` up to, not including, `end`, as the rows say."""
    return [(integer(leaf), blob(hashed)) for leaf, hashed in read(_ARCHIVED, first, end)]
