"""The rotation of the log's key: one commit whose statement the former key signs, and whose checkpoint the new one.

The checkpoint shows that somebody holds the new key. It is also the fence: whoever opens the log, or adds to it after
this, must hold the key of its newest checkpoint (`receipts/store/store.py`), so no process goes on with the former one.
"""

from dataclasses import dataclass
from typing import Final

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.log.rotation import MARK, LogRotation, PublicKey
from receipts.log.signing import Signer
from receipts.log.signing_key import SigningKey
from receipts.statement.gateway_facts import RotationFacts
from receipts.store.transaction import Txn

LOG_KEY: Final = "INSERT INTO meta VALUES ('log_key', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
"""Tells other replicas that there is another key; which one it is they read from the log."""
MAX_REASON: Final = 500
"""Characters of the reason for a rotation."""


@dataclass(frozen=True, slots=True)
class RotationRecord:
    """A rotation as it stands in the log: its statement, the leaf of that, and the ids of both keys."""

    receipt: str
    leaf: int
    keyid: str
    former: str


async def rotate_log_key(journal: Journal, key: SigningKey, by: str, reason: str) -> RotationRecord:
    """Let this key sign the log from now on. It must be kept already where it is read from at the next start.

    Raises `bad_settings` for a key that the log had before, or where another rotation was first; `NotDurable`.
    """
    store = journal.store
    old, new = PublicKey(store.signer.keyid, store.signer.public), Signer(key)
    if new.keyid in store.keys.public:  # guard: a key signs one part of the log
        hint = "make a new one: a key that was rotated away never comes back"
        raise AilyusError("bad_settings", f"the key `{new.keyid}` has signed this log already", hint=hint)
    facts = RotationFacts(
        of="log",
        keyid=new.keyid,
        public=new.public.hex(),
        former_keyid=old.keyid,
        former_public=old.public.hex(),
        by=by,
        reason=reason,
    )
    subject = {new.keyid: sha256(new.public)}
    sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, store.now_ms(), search=(MARK,))

    def work(txn: Txn) -> int:
        leaf = sealed.insert(txn)
        txn.rotate(key, LogRotation(PublicKey(new.keyid, new.public), old))
        txn.write(LOG_KEY, new.keyid)
        # other replicas look at once; no new epoch, since what was decided and is on its way goes on as it is
        txn.control_changes += 1
        return leaf

    leaf = await store.write(work)
    await journal.controls.refresh()
    return RotationRecord(sealed.index.id, leaf, new.keyid, old.keyid)
