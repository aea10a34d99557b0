"""A statement to write."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.log.signing import Signer
from receipts.store.transaction import StatementIndex, Txn

SIGNER = Signer(Ed25519PrivateKey.generate())


def statement(txn: Txn, name: str) -> int:
    index = StatementIndex(name, "decision", None, "t", "a", "c", "denied", False, txn.now_ms, ("v",))
    return txn.append(index, SIGNER.envelope(f'{{"n":"{name}"}}'.encode()))
