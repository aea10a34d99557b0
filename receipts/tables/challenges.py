"""Challenges that were answered: each is answered once, at whichever replica."""

from receipts.store.transaction import Txn


def answer(txn: Txn, challenge: bytes, expires_ms: int) -> None:
    """Inside a commit: a challenge is answered; a second answer is a `Conflict`."""
    # one that is past its time is refused before it comes here, so its row guards nothing any more
    txn.write("DELETE FROM answered WHERE expires_ms <= ?", txn.now_ms, rows=None)
    # guard: a challenge is answered once
    txn.write("INSERT INTO answered VALUES (?, ?)", challenge, expires_ms)
