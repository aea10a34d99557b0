"""The mark of a copy: a store that came out of a backup holds it until a person accepts what was lost.

A backup carries it from its first byte on, so that a file which somebody merely puts in a store's place is known too.
"""

from typing import Final

from contracts.errors import AilyusError
from receipts.store.row import Read
from receipts.store.transaction import Txn

_KEY: Final = "backup"
LOST: Final = ("store_restored", "store_rewound")
"""Why a store does not start after which a person may accept what was lost."""
SET: Final = f"INSERT INTO meta VALUES ('{_KEY}', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
"""Marks a copy; the value is when it was made, in milliseconds."""


def is_copy(read: Read) -> bool:
    """Did this store come out of a backup, and has nobody accepted yet what was lost?"""
    return read(f"SELECT 1 FROM meta WHERE key = '{_KEY}'") != []


def refuse_copy(read: Read) -> None:
    """Raise `store_restored` for a copy of which nobody has accepted yet what was lost."""
    # INVARIANT 10: what was logged and sent after a backup is not in it: to go on from it forks the log
    if is_copy(read):  # guard: a copy starts when a person accepts
        raise AilyusError("store_restored", "this store came out of a backup, and what came after it is lost")


def take_off(txn: Txn) -> None:
    """Inside the commit of the acceptance: from now on it is a store like any other."""
    txn.write(f"DELETE FROM meta WHERE key = '{_KEY}'", rows=None)
