"""Erasure: what is personal in the actions about somebody is gone for good, and every proof about them still holds.

Of these actions the keys are deleted, which makes noise of whatever they sealed: rows, archives, backups, the logs of
a database, replicas. Their evidence, approvals and words leave the tables; their rows stay, without anything of the
person. One signed `erasure` statement names them, in the same commit.

- An action that may still be sent, looked at again or repeated MUST be refused.
- A name of people who ask or decide MUST be refused: such names stand in clear in many rows.
"""

import contextlib
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.action.action_form import pack_observation, pack_request, unpack_request
from receipts.action.action_result import ActionResult
from receipts.journal.journal import Journal
from receipts.statement.gateway_facts import ErasureFacts
from receipts.store.row import blob
from receipts.store.transaction import Txn

MOST: Final = 500
"""Actions of one erasure; more are several."""
SUMMARY: Final = "What this action was about was erased."
_EMPTY: Final = pack_observation(Observation({}, 0, "same_channel"))
_ACTION: Final = "SELECT request, result, plan IS NOT NULL FROM actions WHERE id = ?"
_BLANK: Final = "UPDATE actions SET request = ?, asked = NULL, result = ?, plan = ?, says = '' WHERE id = ?"
_KEYLESS: Final = (
    "SELECT id, tenant, agent, person, contract, connection, kind, risk, status, plan IS NOT NULL FROM actions"
    " WHERE substr(request, 1, 4) = X'00616544' AND id NOT IN (SELECT action_id FROM data_keys)"
)
_HELD: Final = (
    ("SELECT 1 FROM actions WHERE id = ?1 AND state <> 'ended'", "is not closed"),
    ("SELECT 1 FROM actions WHERE id = ?1 AND held_until_ms > ?2", "is still what the same call would be"),
    ("SELECT 1 FROM incidents WHERE action_id = ?1 AND resolved_ms IS NULL", "has an incident that nobody resolved"),
    ("SELECT 1 FROM rechecks WHERE action_id = ?1 AND done_ms IS NULL", "is to be looked at again"),
)


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """An erasure: its statement, and how many actions it names."""

    receipt: str
    actions: int


async def erase(journal: Journal, tenant: str, actions: tuple[str, ...], by: str, reason: str) -> ErasureRecord:
    """Erase what is personal in these closed actions of a tenant. Raises `bad_settings` for one that is not."""
    facts = ErasureFacts(actions=actions, by=by, reason=reason)
    receipt, subject = new_id("rcp"), {"actions": sha256("\n".join(actions).encode())}
    sealed = journal.notary.sign_gateway_statement(
        facts, receipt, tenant, subject, journal.store.now_ms(), search=actions
    )
    plain = {one: await _blank(journal, one) for one in actions}

    def work(txn: Txn) -> None:
        for one, (request, result, plan) in plain.items():
            for sql, why in _HELD:
                values = (one, txn.now_ms) if "?2" in sql else (one,)
                if txn.query(sql, *values):  # guard: what is open is not erased
                    hint = "let it end, or settle it, and say this again"
                    raise AilyusError("bad_settings", f"`{one}` {why}", hint=hint)
            _erase_rows(txn, one, request, result, plan)
        sealed.insert(txn)

    await journal.store.write(work, actions)
    journal.data_keys.forget(actions)
    return ErasureRecord(receipt, len(actions))


async def _blank(journal: Journal, action_id: str) -> tuple[bytes, bytes, bytes | None]:
    """The request, the result and the plan of an action without anything personal."""
    rows = await journal.store.read(_ACTION, action_id)
    if not rows:  # it is in an archive: its key is all that is here
        return b"", b"", None
    request, told = unpack_request(blob(rows[0][0])), ActionResult.unpacked(blob(rows[0][1]))
    kept = ActionResult(
        status=told.status, summary=SUMMARY, next="", action_id=told.action_id, receipt_id=told.receipt_id
    )
    bare = replace(request, params={}, reason=None, caller_key=None, trace="")
    return pack_request(bare), kept.packed, b"{}" if rows[0][2] else None


def _erase_rows(txn: Txn, action_id: str, request: bytes, result: bytes, plan: bytes | None) -> None:
    leaves = "SELECT leaf_index FROM statements WHERE action_id = ?"
    txn.write(f"DELETE FROM evidence WHERE leaf_index IN ({leaves})", action_id, rows=None)
    for table in ("approvals", "action_words"):
        txn.write(f"DELETE FROM {table} WHERE action_id = ?", action_id, rows=None)
    txn.write("UPDATE intents SET before = ?, after = NULL WHERE action_id = ?", _EMPTY, action_id, rows=None)
    txn.write(_BLANK, request, result, plan, action_id, rows=None)
    txn.write("DELETE FROM data_keys WHERE action_id = ?", action_id, rows=None)


def blank_keyless(copy: Path) -> int:
    """Blank the rows of a restored copy whose keys were deleted after the backup; how many actions.

    Their sealed evidence stays until they are erased again: the statement that said so came after the backup too.
    """
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        found = connection.execute(_KEYLESS).fetchall()
        for id_, tenant, agent, person, contract, connection_name, kind, risk, status, plan in found:
            request = ActionRequest(
                contract=contract, version=0, contract_digest="", kind=kind or "write", risk=risk or "high",
                tenant=tenant, agent=agent, person=person, owner="", connection=connection_name, target_digest="",
                params={}, reason=None, caller_key=None,
            )  # fmt: skip
            told = ActionResult(status=status, summary=SUMMARY, next="", action_id=id_, receipt_id=None)
            values = (pack_request(request), told.packed, b"{}" if plan else None, id_)
            connection.execute(_BLANK, values)
            connection.execute("UPDATE intents SET before = ?, after = NULL WHERE action_id = ?", (_EMPTY, id_))
            connection.execute("DELETE FROM approvals WHERE action_id = ?", (id_,))
        connection.execute("COMMIT")
        return len(found)
