"""The acceptance of a loss: a store that is older than the one that was lost goes on, by a signed statement.

What was logged and sent after the backup is unknown to the restored store. So it fails closed, in one commit:

- No action that is open in the copy is sent from it any more: it may have been sent, and its approvals used, after the
  backup. The statement names them all. Requests that wait end, plans end where they stand, and what was out is read
  back by the recovery after a crash.
- Everything is halted until a person lifts the halt: which keys and agents were revoked, and what was halted, after the
  backup, is not known either.
- Whoever was signed in signs in again, links of introductions end, and secrets on their way are dropped.
"""

from dataclasses import dataclass
from typing import Final

from contracts.canonical import new_id
from policies.passkey import sign_count
from policies.signed_loss import SignedLoss
from receipts.journal.epoch import bump
from receipts.journal.halt import halt_statement, insert_halt, new_halt
from receipts.journal.journal import Journal
from receipts.journal.registry import count_use
from receipts.statement.gateway_facts import LossFacts
from receipts.store import mark
from receipts.store.transaction import Txn

SEARCH: Final = "loss"
"""The search value of every statement of a loss."""
_TO_NOW: Final = (
    "UPDATE actions SET expires_ms = ?1 WHERE state = 'waiting' AND expires_ms > ?1",
    "UPDATE introductions SET expires_ms = ?1 WHERE expires_ms > ?1",
)
_GONE: Final = (
    "DELETE FROM sessions",
    "UPDATE handles SET sealed = NULL WHERE sealed IS NOT NULL",
    # whoever had them is gone
    "UPDATE actions SET lease_until_ms = 0 WHERE state = 'running'",
)


@dataclass(frozen=True, slots=True)
class LossRecord:
    """What was accepted: the statement, and the actions that the restored store never sends."""

    receipt: str
    actions: tuple[str, ...]


async def accept_loss(journal: Journal, signed: SignedLoss) -> LossRecord:
    """Log a signed loss, whose signature was checked, and let the store go on. While no gateway uses it."""
    store, document = journal.store, signed.document
    rows = await store.read("SELECT id FROM actions WHERE state <> 'ended' ORDER BY id")
    actions, at_ms = tuple(str(id_) for (id_,) in rows), store.now_ms()
    facts = LossFacts(
        event="accepted",
        remembered_size=document.remembered_size,
        remembered_root=document.remembered_root,
        restored_size=document.restored_size,
        restored_root=document.restored_root,
        by=document.person,
        keyid=signed.keyid,
        signed=document.digest,
        reason=document.reason,
        actions=actions,
    )
    evidence = {"signed": signed.model_dump_json().encode()}
    sealed = journal.notary.sign_gateway_statement(
        facts, new_id("rcp"), "", {"loss": document.digest}, at_ms, evidence, (SEARCH,)
    )
    halt = new_halt("all", "", False, document.person, f"restored from a backup: {document.reason}", at_ms)
    halted = halt_statement(journal.notary, halt, "halted")
    is_halted = any(one.scope == "all" for one in journal.controls.halts)

    def work(txn: Txn) -> None:
        if signed.assertion is not None:
            count_use(txn, signed.keyid, sign_count(signed.assertion))
        for sql in _TO_NOW:
            txn.write(sql, txn.now_ms, rows=None)
        for sql in _GONE:
            txn.write(sql, rows=None)
        mark.take_off(txn)
        sealed.insert(txn)
        if not is_halted:
            # a row without a statement stands in nobody's way
            txn.write("DELETE FROM halts WHERE scope = 'all' AND lifted_ms IS NULL", rows=None)
            insert_halt(txn, halt)
            halted.insert(txn)
        bump(txn)

    await store.write(work)
    return LossRecord(sealed.index.id, actions)
