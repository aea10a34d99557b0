"""The archived part of a log, as the walk over it reads it: from the files that are at hand, else as bare hashes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from receipts.archive.archive_file import ArchiveFile
from receipts.store.row import Read, Row, blob, integer

Archives = Mapping[str, ArchiveFile]
"""The archives that are at hand, by the digest of what they hold."""
NONE_AT_HAND: Final[Archives] = MappingProxyType({})
STATEMENT: Final = "leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms, envelope"
_BATCH: Final = 200
_LEAVES: Final = (
    "SELECT l.leaf_index, l.receipt, a.archive, n.hash FROM archive_leaves AS l"
    " JOIN archive_actions AS a ON a.id = l.action_id LEFT JOIN nodes AS n ON n.level = 0 AND n.idx = l.leaf_index"
    f" WHERE l.leaf_index >= ? AND l.leaf_index < ? ORDER BY l.leaf_index LIMIT {_BATCH}"
)
_COUNTS: Final = (
    "SELECT r.digest, r.name, count(*) FROM archive_leaves AS l JOIN archive_actions AS a ON a.id = l.action_id"
    " JOIN archives AS r ON r.digest = a.archive GROUP BY r.digest, r.name ORDER BY r.name"
)


@dataclass(frozen=True, slots=True)
class ArchiveLeaf:
    """One archived leaf: its receipt, its hash in the log, and its statement where the file is at hand.

    `row` is the statement with the hash behind it; `is_at_hand` though `row` is None: the file does not hold it.
    """

    index: int
    receipt: str
    hashed: bytes | None
    is_at_hand: bool
    row: Row | None
    search: list[Row]
    evidence: list[Row]


def archive_leaves(read: Read, archives: Archives, first: int, end: int) -> Iterator[ArchiveLeaf]:
    """The archived leaves from `first` up to, not including, `end`."""
    while rows := read(_LEAVES, first, end):
        pages = {
            digest: _Page.read(archives[digest].read, rows) for digest in {str(r[2]) for r in rows} & archives.keys()
        }
        for leaf, receipt, archive, hashed in rows:
            index, page = integer(leaf), pages.get(str(archive))
            known = None if hashed is None else blob(hashed)
            row = page.statements.get(index) if page else None
            yield ArchiveLeaf(
                index,
                str(receipt),
                known,
                page is not None,
                None if row is None else (*row, known),
                page.search[index] if page else [],
                page.evidence[index] if page else [],
            )
        first = integer(rows[-1][0]) + 1


def unread(read: Read, archives: Archives) -> list[str]:
    """Which archives are not at hand, and how many statements are in each, as sentences."""
    return [
        f"{integer(count)} statements are in the archive `{name!s}`, which was not read"
        for digest, name, count in read(_COUNTS)
        if str(digest) not in archives
    ]


@dataclass(frozen=True, slots=True)
class _Page:
    statements: Mapping[int, Row]
    search: Mapping[int, list[Row]]
    evidence: Mapping[int, list[Row]]

    @classmethod
    def read(cls, read: Read, rows: list[Row]) -> "_Page":
        span = (rows[0][0], rows[-1][0])
        statements = read(f"SELECT {STATEMENT} FROM statements WHERE leaf_index BETWEEN ? AND ?", *span)
        search = read("SELECT leaf_index, value FROM search WHERE leaf_index BETWEEN ? AND ?", *span)
        sql = "SELECT leaf_index, label, salt, data FROM evidence WHERE leaf_index BETWEEN ? AND ?"
        return cls({integer(row[0]): row for row in statements}, grouped(search), grouped(read(sql, *span)))


def grouped(rows: list[Row]) -> defaultdict[int, list[Row]]:
    """Rows by the leaf in their first column."""
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[integer(row[0])].append(row)
    return found
