"""What a person sees of their passkeys: the name that they gave to each, and when it last signed.

No statement says either, and nothing is decided by them: what a passkey may do stands in the log (`Registry.keys`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from receipts.store.row import integer
from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class PasskeyUse:
    """A passkey's name, empty while it has none, and when it last signed (ms); None until it does."""

    name: str = ""
    used_ms: int | None = None


async def uses(store: Store) -> Mapping[str, PasskeyUse]:
    """Every passkey's name and last use, by its key id."""
    rows = await store.read("SELECT keyid, name, used_ms FROM passkeys")
    return {str(row[0]): PasskeyUse(str(row[1]), None if row[2] is None else integer(row[2])) for row in rows}


def rename(txn: Txn, keyid: str, name: str) -> None:
    """Inside a commit: give a passkey this name; raises `Conflict` when there is no such passkey."""
    txn.write("UPDATE passkeys SET name = ? WHERE keyid = ?", name, keyid)
