"""The check of a store, as a file system is checked: all that the audit finds, and all that its tables contradict."""

from collections.abc import Iterator

from receipts.audit.archive_walk import NONE_AT_HAND, Archives
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.log.head import Head
from receipts.store.integrity import file_faults, head_faults, node_faults, stray_rows
from receipts.store.row import Read


def check_store(
    read: Read,
    roots: Roots,
    head: Head | None,
    is_database: bool,
    archives: Archives = NONE_AT_HAND,
) -> Iterator[str]:
    """Every finding as one sentence, each once. It only reads; a gateway may go on meanwhile.

    `head` is what the head file remembered before `read`'s snapshot was taken.
    """
    yield from head_faults(read) if is_database else file_faults(read)
    yield from node_faults(read)
    yield from stray_rows(read)
    yield from audit(read, roots, head, archives=archives)
