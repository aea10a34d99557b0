"""Audit a store: the log recomputed up to its newest signed checkpoint, and every row compared with what was signed.

Every finding is listed, not the first. A log ends where its newest signed checkpoint says so: what is missing before
that, stands beyond it, or falls short of the head file or of a checkpoint that was kept elsewhere, is a finding.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contracts.errors import AilyusError
from receipts.archive.archive_file import ArchiveFile
from receipts.audit.archive_walk import NONE_AT_HAND, Archives
from receipts.audit.attestation import witness_faults
from receipts.audit.audit_rows import audit_rows
from receipts.audit.grants import grant_faults
from receipts.audit.log_walk import LogWalk
from receipts.audit.losses import loss_faults
from receipts.audit.roots import Roots
from receipts.log.checkpoint import Checkpoint
from receipts.log.head import Head
from receipts.log.merkle import consistent
from receipts.statement.statement import key_digest
from receipts.store.log_tables import consistency_by
from receipts.store.row import Read, Row, Value, blob

SELF_ATTESTED = "self-attested: without a witness this log is vouched for by its own operator alone"
"""What an audit without findings does not show."""


def audit(
    read: Read,
    roots: Roots,
    head: Head | None = None,
    since: Checkpoint | None = None,
    archives: Archives = NONE_AT_HAND,
    vouched: Sequence[Checkpoint] = (),
) -> Iterator[str]:
    """Every finding as one sentence; nothing found means that the store is as it was signed.

    `head` is what the head file remembered before `read`'s snapshot was taken; `since` a checkpoint that was kept
    elsewhere, whose own signature was checked. `archives` are files that are at hand: what is in others is verified
    as far as its hashes go (`archive_walk.unread` names them). `vouched` are checkpoints that witnesses cosigned just
    before the snapshot was taken.
    """
    walk = LogWalk(read, roots, head, archives)
    yield from walk.statements()
    yield from walk.end()
    for older in (*([since] if since is not None else ()), *vouched):
        if walk.newest is not None:
            yield from _continues(read, older, walk.newest)
    yield from witness_faults(read, roots)
    yield from _tenant_keys(read, walk.words.tenants)
    yield from loss_faults(read, walk.keys)
    # last: rows are compared with words of the log, and those are known only after the whole walk
    yield from audit_rows(read, walk.words, archives)
    yield from _archive_rows(read, walk.archives, archives)
    yield from grant_faults(read, walk.words.grants)  # guard: grants are what people connected
    for (action,) in _texts(
        read(
            "SELECT i.action_id FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
            " WHERE i.state = 'intent' AND a.state = 'ended'"
        )
    ):
        yield f"the intent of `{action}` is open though the action has ended"


def _continues(read: Read, since: Checkpoint, newest: Checkpoint) -> Iterator[str]:
    """Is the log a continuation of a checkpoint that was kept elsewhere?"""
    if since.size > newest.size:
        yield f"the log ends at {newest.size}, and the older checkpoint is of {since.size} statements"
        return
    try:
        proof = consistency_by(read, since.size, newest.size)
    except AilyusError:
        yield f"the log holds no proof that it continues the older checkpoint at {since.size}"
        return
    # guard: the log continues a checkpoint
    if since.size and not consistent(since.size, since.root, newest.size, newest.root, proof):
        yield f"the log is not a continuation of the older checkpoint at {since.size}"


def _tenant_keys(read: Read, logged: Mapping[str, str]) -> Iterator[str]:
    """The keys of pseudonyms: with another one, nobody is found by a personal value any more."""
    stored = {str(tenant): key_digest(blob(key)) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}
    for tenant in sorted(stored.keys() | logged.keys()):
        if tenant not in stored:
            yield f"the key of the tenant `{tenant}` is missing"
        elif tenant not in logged:
            yield f"the key of the tenant `{tenant}` has no statement"
        elif stored[tenant] != logged[tenant]:  # guard: a tenant's key is the logged one
            yield f"the key of the tenant `{tenant}` is not the one that was logged"


def _archive_rows(read: Read, logged: Mapping[str, str], archives: Archives) -> Iterator[str]:
    """Which archives there are, and what is in them, as their statements and files say."""
    stored = {str(digest): str(name) for digest, name in read("SELECT digest, name FROM archives")}
    for digest in sorted(stored.keys() | logged.keys()):
        name = stored.get(digest, logged.get(digest, ""))
        if stored.get(digest) != logged.get(digest):
            yield f"the row of the archive `{name}` is not what a statement says"
    for digest, file in archives.items():
        yield from file.faults()
        last = ""
        while rows := read(_ARCHIVED, digest, last):
            last = str(rows[-1][0])
            yield from (f"the action `{id_!s}` is not in its archive" for (id_,) in rows if not _holds(file, id_))


def _holds(file: ArchiveFile, action: Value) -> bool:
    return file.read("SELECT 1 FROM actions WHERE id = ?", action) != []


_ARCHIVED: Final = "SELECT id FROM archive_actions WHERE archive = ? AND id > ? ORDER BY id LIMIT 500"


def _texts(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    return (tuple(str(value) for value in row) for row in rows)
