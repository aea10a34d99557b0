"""The scan of the log at a start: every statement that controls something, under the root that our own key signed."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.merkle import Frontier, leaf_hash
from receipts.log.signing import Envelope, Signer, open_note
from receipts.statement.archive_leaves import MARK, LeafRanges, is_named, leaves_of
from receipts.statement.words import CONTROL_KINDS
from receipts.store.log_tables import NEWEST, hashes_between, nodes_by
from receipts.store.row import Read, blob, integer
from receipts.store.transaction import Txn

_MARKS = (*(f'"kind":"{kind}"'.encode() for kind in CONTROL_KINDS), b'"status":"withdrawn"')
_BATCH = 500

# the whole log may be larger than memory
_SCAN = (
    f"SELECT s.leaf_index, s.envelope FROM statements AS s WHERE s.leaf_index >= ? ORDER BY s.leaf_index LIMIT {_BATCH}"
)
_CHANGED = "the statements are not those that the newest checkpoint was signed over"


@dataclass(frozen=True, slots=True)
class LogScan:
    """The log as far as it was read: its frontier, and every statement of it that controls something."""

    frontier: Frontier
    statements: tuple[tuple[int, Envelope], ...]

    def note(self, signer: Signer, origin: str) -> str:
        """What was read, signed: origin, size and root, then leaf and leaf hash of each statement."""
        lines = [_name(origin), f"{self.frontier.size} {self.frontier.root().hex()}"]
        lines += [f"{leaf} {leaf_hash(envelope.leaf()).hex()}" for leaf, envelope in self.statements]
        return signer.note(_name(origin), "\n".join(lines) + "\n")


def scan(read: Read, signer: Signer, origin: str) -> tuple[LogScan, int]:
    """Every statement that controls something, and how far an earlier start had read. Raises `store_corrupt`.

    INVARIANT: what is read is whole: its root is the one that our own key signed.
    """
    notes = read(NEWEST)
    if not notes:
        # INVARIANT 10: else whoever takes all checkpoints away would begin the log anew
        if read("SELECT 1 FROM statements LIMIT 1"):
            raise _corrupt("the log has statements and no checkpoint")
        return LogScan(Frontier(0, []), ()), 0
    # the name of the log is signed with it: no checkpoint of another log of the same key stands for this one
    end = Checkpoint.parse(open_note(str(notes[0][0]), origin, signer.public))
    known = _remembered(read, signer, origin)
    kept = known.frontier.size
    frontier, statements = known.frontier, list(known.statements)
    gaps, named = list[int](), list[LeafRanges]()
    for leaf, envelope in _statements(read, kept):
        gaps += _fill(read, frontier, leaf)
        if leaf != frontier.size or leaf >= end.size:
            raise _corrupt(_CHANGED)
        if MARK in envelope.payload:
            named += _named(read, leaf, envelope)
        frontier.append(leaf_hash(envelope.leaf()))
        # a search in the bytes: to parse every statement of a long log would take most of a start. What this finds
        # too much, `Words.learn` leaves out
        if any(mark in envelope.payload for mark in _MARKS):
            statements.append((leaf, envelope))
    if (frontier.size, frontier.root()) != (end.size, end.root):  # guard: a start reads the whole log
        raise _corrupt(_CHANGED)
    # INVARIANT 10: a statement is gone only where a signed one says that it is in an archive
    if not all(is_named(leaf, named) for leaf in gaps):  # guard: archived leaves are named by a statement
        raise _corrupt(_CHANGED)
    return LogScan(frontier, tuple(statements)), kept


def _fill(read: Read, frontier: Frontier, until: int) -> list[int]:
    """Take the hashes of archived leaves for their statements: the leaves; what is missing beside them stays so."""
    filled = []
    for leaf, hashed in hashes_between(read, frontier.size, until) if frontier.size < until else ():
        if leaf != frontier.size:
            break
        frontier.append(hashed)
        filled.append(leaf)
    return filled


def _named(read: Read, leaf: int, envelope: Envelope) -> list[LeafRanges]:
    predicate = orjson.loads(envelope.payload)["predicate"]
    return [leaves_of(read, leaf, predicate)] if predicate["kind"] == "archive" else []


def _statements(read: Read, start: int) -> Iterator[tuple[int, Envelope]]:
    while rows := read(_SCAN, start):
        for leaf, data in rows:
            envelope = envelope_of(blob(data))
            if envelope is None:
                raise _corrupt(_CHANGED)
            yield integer(leaf), envelope
        start = integer(rows[-1][0]) + 1


def _remembered(read: Read, signer: Signer, origin: str) -> LogScan:
    """What an earlier start read, where that is signed, still there, and the beginning of this log; else nothing."""
    nothing = LogScan(Frontier(0, []), ())
    rows = read("SELECT value FROM meta WHERE key = 'ledger'")
    try:
        _, head, *lines = open_note(str(rows[0][0]), _name(origin), signer.public).splitlines() if rows else ("", "")
        if not rows:
            return nothing
        size, root = head.split()
        frontier = Frontier.of(int(size), nodes_by(read))
        # the nodes are rows: they count only where they give the root that we signed
        if frontier.root().hex() != root:
            return nothing
        statements = []
        for line in lines:
            leaf, hashed = line.split()
            ((data,),) = read("SELECT envelope FROM statements WHERE leaf_index = ?", int(leaf))
            envelope = Envelope.decode(blob(data))
            if leaf_hash(envelope.leaf()).hex() != hashed:
                return nothing
            statements.append((int(leaf), envelope))
    except (AilyusError, ValueError):
        return nothing  # then the whole log says what there is
    return LogScan(frontier, tuple(statements))


def remember(txn: Txn, note: str) -> None:
    """Keep how far the log was read, as a signed note."""
    sql = "INSERT INTO meta VALUES ('ledger', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    txn.write(sql, note)


def _name(origin: str) -> str:
    # a name of its own, so that this note is never taken for a checkpoint, nor a checkpoint for it
    return f"{origin}/ledger"


def envelope_of(data: bytes) -> Envelope | None:
    """The envelope in a row; None for what is none."""
    try:
        return Envelope.decode(data)
    except AilyusError:
        return None


def _corrupt(sentence: str) -> AilyusError:
    return AilyusError("store_corrupt", sentence, hint="`ailyus audit` lists what was changed")
