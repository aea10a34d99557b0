"""The walk over a log: one pass from its first leaf to its last, and what is found on the way."""

from collections.abc import Iterator, Mapping

import orjson
from pydantic import JsonValue

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.audit.archive_walk import NONE_AT_HAND, Archives, archive_leaves, grouped
from receipts.audit.release_signatures import ReleaseSignatures
from receipts.audit.roots import Roots
from receipts.audit.row_words import RowWords
from receipts.log.checkpoint import Checkpoint
from receipts.log.head import Head
from receipts.log.merkle import Frontier, leaf_hash
from receipts.log.signing import Envelope
from receipts.statement.archive_leaves import LeafRanges, is_named, leaves_of
from receipts.store.key_history import keys_from
from receipts.store.progress import tell
from receipts.store.row import Read, Row, Value, blob, integer
from receipts.store.sealed_value import is_sealed

_BATCH = 200
_STATEMENTS = (
    "SELECT s.leaf_index, s.id, s.kind, s.action_id, s.tenant, s.agent, s.contract, s.status, s.changed, s.at_ms,"
    " s.envelope, n.hash FROM statements AS s LEFT JOIN nodes AS n ON n.level = 0 AND n.idx = s.leaf_index"
    f" WHERE s.leaf_index > ? ORDER BY s.leaf_index LIMIT {_BATCH}"
)
Predicate = Mapping[str, JsonValue]


class LogWalk:
    """One pass over the log from its first leaf to its last, and what was learned on the way."""

    def __init__(self, read: Read, roots: Roots, head: Head | None, archives: Archives = NONE_AT_HAND) -> None:
        self._read = read
        self.keys = keys_from(read, roots.trusted)
        self._origin = roots.origin
        self._archives = archives
        self._archived: list[int] = []
        self._named: list[LeafRanges] = []
        self.archives: dict[str, str] = {}
        """The names of the archives that statements tell of, by their digests."""
        self._head = head
        self._frontier = Frontier(0, [])
        self._whole = True
        """Can the root still be computed?"""
        self._notes = {integer(size): str(note) for size, note in read("SELECT size, note FROM checkpoints")}
        self.newest = self._newest()
        self._unkept: list[tuple[str, str, JsonValue]] = []
        self._erased: set[tuple[str, str]] = set()
        self._wrong_roots: list[int] = []
        self.words = RowWords()
        tenants = {str(tenant): blob(key) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}
        self._releases = ReleaseSignatures(self.words.keys, tenants)

    def _newest(self) -> Checkpoint | None:
        """The newest checkpoint that a trusted key signed."""
        # the newest that holds: a forged note behind it must not hide where the log ends
        signed = ((size, self._signed(self._notes[size])) for size in sorted(self._notes, reverse=True))
        # an older note that stands under a larger size is no newer one
        return next((c for size, c in signed if c is not None and c.size == size), None)

    def _signed(self, note: str) -> Checkpoint | None:
        try:
            return self.keys.signed(note, self._origin)[0]
        except AilyusError:
            return None

    def statements(self) -> Iterator[str]:
        """Every statement against its leaf, its index columns, its search values and its evidence."""
        last: Value = -1
        while rows := self._read(_STATEMENTS, last):
            last = rows[-1][0]
            span = rows[0][0], last
            search = grouped(self._read("SELECT leaf_index, value FROM search WHERE leaf_index BETWEEN ? AND ?", *span))
            sql = "SELECT leaf_index, label, salt, data FROM evidence WHERE leaf_index BETWEEN ? AND ?"
            evidence = grouped(self._read(sql, *span))
            for row in rows:
                yield from self._statement(row, search.pop(integer(row[0]), []), evidence.pop(integer(row[0]), []))
            tell(self._frontier.size, self.newest.size if self.newest else self._frontier.size)

    def end(self) -> Iterator[str]:
        """What is only known after the last leaf."""
        covered = self.newest.size if self.newest else 0
        if self._frontier.size < covered:
            yield from self._gap(covered)
        if self._frontier.size > covered:  # guard: the log ends at a signed checkpoint
            yield f"no signed checkpoint covers {_leaves(covered, self._frontier.size)}"
        if self._wrong_roots:
            first, more = self._wrong_roots[0], len(self._wrong_roots) - 1
            yield f"the checkpoint at {first} does not hold" + (f", nor do {more} after it" if more else "")
        for size in sorted(self._notes):
            yield f"the checkpoint at {size} stands beyond the log"
        if self._head is not None and self._head.size > self._frontier.size:  # guard: the log reaches the head file
            yield f"the log ends at {self._frontier.size}, and the head file remembers {self._head.size}"
        unnamed = LeafRanges.of(leaf for leaf in self._archived if not is_named(leaf, self._named))
        for first, last in unnamed.ranges:  # guard: every gap is an archive's
            yield f"{_leaves(first, last + 1)} left the store, and no statement says so"
        for receipt, label, action in self._unkept:
            # guard: evidence is all there
            if (receipt, label) not in self._erased and action not in self.words.erased:
                yield f"the evidence `{label}` of `{receipt}` is missing, and no statement says that it was erased"

    def _statement(self, row: Row, search: list[Row], evidence: list[Row]) -> Iterator[str]:
        index, receipt = integer(row[0]), str(row[1])
        covered = self.newest.size if self.newest else 0
        if index > self._frontier.size:
            if index >= max(covered, self._frontier.size + 1):
                yield f"`{receipt}` stands at leaf {index}, beyond the log"
                return
            yield from self._gap(index)
        logged = None if row[11] is None else blob(row[11])
        try:
            envelope = Envelope.decode(blob(row[10]))
        except AilyusError:
            yield f"the body of `{receipt}` is damaged"
            yield from self._append(logged)
            return
        leaf = leaf_hash(envelope.leaf())
        if logged is not None and leaf != logged:
            yield f"the body of `{receipt}` is not the one that was logged"
        signed = self.keys.holds(envelope, index)
        if not signed:
            yield f"the signature of `{receipt}` does not hold"
        # as it was logged: a body that was changed is one finding, and not one for each checkpoint after it
        yield from self._append(logged or leaf)
        statement = orjson.loads(envelope.payload)
        predicate = statement["predicate"]
        # only what was really said may explain a missing row or missing evidence
        if signed and leaf == logged:
            self._erase(predicate)
            self.words.hear(index, statement)
            yield from self._releases.findings(index, predicate, {str(row[1]): blob(row[3]) for row in evidence})
            if predicate["kind"] == "archive":
                yield from self._hear_archive(index, predicate)
        yield from _columns(row, predicate)
        if {value for _, value in search} != set(predicate["search"]):
            yield f"the search values of `{receipt}` are not what was signed"
        yield from self._evidence(predicate, evidence)

    def _gap(self, until: int) -> Iterator[str]:
        """Leaves that have no statement in the store: those that are in archives, and those that are missing."""
        for leaf in archive_leaves(self._read, self._archives, self._frontier.size, until):
            if leaf.index > self._frontier.size:
                yield from self._missing(leaf.index)
            self._archived.append(leaf.index)
            if leaf.row is not None:
                yield from self._statement(leaf.row, leaf.search, leaf.evidence)
                continue
            if leaf.is_at_hand:
                yield f"`{leaf.receipt}` is not in its archive"
            yield from self._append(leaf.hashed)
        if until > self._frontier.size:
            yield from self._missing(until)

    def _hear_archive(self, index: int, predicate: Predicate) -> Iterator[str]:
        about = predicate.get("about")
        if isinstance(about, dict):
            self.archives[str(about.get("archive"))] = str(about.get("name"))
        try:
            self._named.append(leaves_of(self._read, index, predicate))
        except AilyusError as error:
            yield f"{error.sentence} at leaf {index}"

    def _missing(self, until: int) -> Iterator[str]:
        """Leaves that have no statement; the log is computed on with their hashes, where those are left."""
        yield f"{_leaves(self._frontier.size, until)} {'is' if until == self._frontier.size + 1 else 'are'} missing"
        sql = "SELECT idx, hash FROM nodes WHERE level = 0 AND idx >= ? AND idx < ?"
        hashes = {integer(i): blob(h) for i, h in self._read(sql, self._frontier.size, until)}
        for index in range(self._frontier.size, until):
            yield from self._append(hashes.get(index))

    def _append(self, leaf: bytes | None) -> Iterator[str]:
        if leaf is None and self._whole:
            self._whole = False
            yield f"the log cannot be computed beyond leaf {self._frontier.size}: its hash is missing"
        # a hash that nobody has keeps the places: what comes after it can still be compared leaf by leaf
        self._frontier.append(leaf or bytes(32))
        size = self._frontier.size
        known = self._head if self._whole and self._head and self._head.size == size else None
        if known is not None and self._frontier.root().hex() != known.root:
            yield f"the log is not the one that the head file remembers at {size}"
        note = self._notes.pop(size, None)
        if note is None:
            return
        signed = self._signed(note)
        if signed is None or signed.size != size:
            yield f"the checkpoint at {size} is not signed by a trusted key"
        elif self._whole and signed.root != self._frontier.root():
            self._wrong_roots.append(size)

    def _evidence(self, predicate: Predicate, rows: list[Row]) -> Iterator[str]:
        receipt, committed = str(predicate["receipt"]), predicate.get("commitments")
        known = committed if isinstance(committed, dict) else {}
        # what has no key any more is as good as gone: a statement must say so
        opened = [row for row in rows if not is_sealed(row[3])]
        for _, label, salt, data in opened:
            if known.get(str(label)) != commitment(blob(salt), blob(data)):
                yield f"the evidence `{label!s}` of `{receipt}` is not what was committed to"
        missing = known.keys() - {str(row[1]) for row in opened}
        self._unkept += [(receipt, label, predicate["action"]) for label in missing]

    def _erase(self, predicate: Predicate) -> None:
        about = predicate.get("about")
        if predicate["kind"] == "erasure" and isinstance(about, dict):
            labels = about.get("labels")
            named = labels if isinstance(labels, list) else []
            self._erased |= {(str(about.get("receipt")), str(label)) for label in named}


def _columns(row: Row, predicate: Predicate) -> Iterator[str]:
    contract = predicate["contract"]
    signed = (
        predicate["receipt"],
        predicate["kind"],
        predicate["action"],
        predicate["tenant"],
        predicate["agent"],
        contract["id"] if isinstance(contract, dict) else None,
        predicate["status"],
        predicate["changed"],
        predicate["atMs"],
    )
    stored = (*row[1:8], None if row[8] is None else bool(row[8]), row[9])
    if stored != signed:
        yield f"an index column of `{row[1]!s}` is not what was signed"


def _leaves(first: int, end: int) -> str:
    return f"leaf {first}" if end == first + 1 else f"the leaves {first} to {end - 1}"
