"""The removal of archived actions from the store, some in each commit, beside whatever else is written.

What stays of them: the hashes of their leaves in the log's tree, the uses of their approvals, the uses of secrets, and
where each action and each statement is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from receipts.archive.action_group import BY_ACTION, BY_LEAF, ActionGroup, chunks, read_groups
from receipts.store.row import Value
from receipts.store.transaction import Txn
from receipts.tables import archives
from receipts.tables.archives import ArchiveCall

Pseudonym = Callable[[str, str], str]
"""The pseudonym of a person in a tenant."""


@dataclass(frozen=True, slots=True)
class RemovalCount:
    """How many actions left the store, and how many stay because they are no more what is in the archive."""

    actions: int = 0
    changed: int = 0

    def plus(self, other: "RemovalCount") -> "RemovalCount":
        """Both together."""
        return RemovalCount(self.actions + other.actions, self.changed + other.changed)


def remove(txn: Txn, archive: str, digests: Mapping[str, str], pseudonym: Pseudonym) -> RemovalCount:
    """Inside a commit: take the groups of these roots out of the store, each if it is still what the file holds."""
    archives.require_open(txn, archive)
    found = read_groups(txn.query, list(digests))
    # INVARIANT 10: what is not byte for byte in the file stays
    same = [group for group in found if _is_in_file(group, digests)]
    ids: list[Value] = [id_ for group in same for id_ in group.ids]
    leaves: list[Value] = [leaf for group in same for leaf in group.leaves]
    for table in BY_LEAF:
        _delete(txn, table, "leaf_index", leaves)
    for table in BY_ACTION:
        if table != "statements":
            _delete(txn, table, "action_id", ids)
    _delete(txn, "action_words", "action_id", ids)
    # one by one: of the statements of an action those of approvals that were taken back stay
    _delete(txn, "statements", "leaf_index", leaves)
    _delete(txn, "actions", "id", ids)
    archives.place_actions(txn, archive, [call for group in same for call in _calls(group, pseudonym)])
    archives.place_leaves(txn, [place for group in same for place in _places(group)])
    return RemovalCount(len(ids), sum(len(group.ids) for group in found if group not in same))


def _is_in_file(group: ActionGroup, digests: Mapping[str, str]) -> bool:
    return group.digest == digests[group.root]  # guard: what leaves the store is in the file


def _delete(txn: Txn, table: str, column: str, values: list[Value]) -> None:
    for marks, chunk in chunks(values):
        txn.write(f"DELETE FROM {table} WHERE {column} IN ({marks})", *chunk, rows=None)


def _calls(group: ActionGroup, pseudonym: Pseudonym) -> list[ArchiveCall]:
    return [
        ArchiveCall(
            str(action["id"]),
            None if action["call_key"] is None else str(action["call_key"]),
            str(action["tenant"]),
            str(action["agent"]),
            pseudonym(str(action["tenant"]), str(action["person"])),
        )
        for action in group.records("actions")
    ]


def _places(group: ActionGroup) -> list[tuple[int, str, str]]:
    rows = (tuple(row[name] for name in ("leaf_index", "id", "action_id")) for row in group.records("statements"))
    return [(leaf, str(receipt), str(action)) for leaf, receipt, action in rows if isinstance(leaf, int)]
