"""The control epoch: a counter that grows with every release, revocation, halt and end of a halt."""

from receipts.store.transaction import Txn


def bump(txn: Txn) -> int:
    """The next control epoch, committed with whatever made it necessary."""
    rows = txn.query("SELECT value FROM meta WHERE key = 'epoch'")
    epoch = int(str(rows[0][0])) + 1 if rows else 1
    txn.write("INSERT INTO meta VALUES ('epoch', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", str(epoch))
    # other replicas are told in the same commit, and read their controls again
    txn.control_changes += 1
    return epoch
