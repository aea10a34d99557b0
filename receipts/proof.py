"""One offline file per action: statements, their log proofs, and what their commitments open to.

```
{"format":"ailyus-proof-v1","receipt":"rcp_…",
 "statements":[{"envelope":"<DSSE JSON>","proof":"<tlog-proof@v1>"}],
 "disclosures":[{"receipt":"rcp_…","label":"before/user","salt":"<base64>","data":"<base64>"}],
 "consistency":{"old":7,"hashes":["<base64>"]}}
```
"""

import base64
import sqlite3
from collections.abc import Collection
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from contracts.errors import AilyusError
from receipts.log import Checkpoint
from receipts.sqlite import consistency_from, newest_note, proof_from

MAX_FILE = 32 * 1024 * 1024
"""Bytes of a proof file that a verifier reads."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Proven(_Wire):
    """One statement and its proof."""

    envelope: str
    proof: str


class Disclosure(_Wire):
    """What one commitment opens to."""

    receipt: str
    label: str
    salt: str
    data: str


class Consistency(_Wire):
    """A consistency proof from an older size to the checkpoint of the proofs."""

    old: int
    hashes: tuple[str, ...]


class ProofFile(_Wire):
    """The whole file."""

    format: Literal["ailyus-proof-v1"]
    receipt: str
    statements: tuple[Proven, ...]
    disclosures: tuple[Disclosure, ...]
    consistency: Consistency | None = None

    def encoded(self) -> bytes:
        """The file's bytes."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"


def write_proof(connection: sqlite3.Connection, receipt_id: str, since: int | None, disclose: bool) -> ProofFile:
    """Collect every statement of the receipt's action and of its steps, its release and its approvers' keys."""
    connection.execute("BEGIN")  # one snapshot, so that every proof is in the same checkpoint
    try:
        row = connection.execute(
            "SELECT action_id, leaf_index, contract FROM statements WHERE id = ?", (receipt_id,)
        ).fetchone()
        if row is None:
            raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
        action, leaf, contract = row
        rows = connection.execute(
            "SELECT id, leaf_index, envelope FROM statements WHERE (action_id IS NOT NULL AND action_id = ?1)"
            " OR action_id IN (SELECT id FROM actions WHERE plan_id = ?1)"
            " OR leaf_index = ?2 OR kind = 'key'"
            " OR leaf_index = (SELECT max(leaf_index) FROM statements WHERE kind = 'release' AND leaf_index <= ?2)"
            " ORDER BY leaf_index",
            (action, leaf),
        ).fetchall()
        statements = tuple(
            Proven(envelope=bytes(envelope).decode(), proof=proof_from(connection, index).text())
            for _, index, envelope in rows
        )
        ids = [r[1] for r in rows]
        steps = connection.execute("SELECT DISTINCT contract FROM actions WHERE plan_id = ?", (action,)).fetchall()
        contracts = {contract, *(step for (step,) in steps)}
        marks = ", ".join("?" for _ in ids)
        found = connection.execute(
            f"SELECT s.id, e.label, e.salt, e.data FROM evidence AS e JOIN statements AS s USING (leaf_index)"
            f" WHERE leaf_index IN ({marks})",
            ids,
        ).fetchall()
        disclosures = tuple(
            Disclosure(receipt=r[0], label=r[1], salt=_encode(r[2]), data=_encode(r[3]))
            for r in found
            # a plan's pictures are in the proofs of its steps
            if disclose and _is_about(r[1], contracts) and not (steps and r[1].startswith("page/"))
        )
        consistency = _consistency(connection, since) if since is not None else None
    finally:
        connection.execute("COMMIT")
    return ProofFile(
        format="ailyus-proof-v1",
        receipt=receipt_id,
        statements=statements,
        disclosures=disclosures,
        consistency=consistency,
    )


def _is_about(label: str, contracts: Collection[str]) -> bool:
    """Of a release's contracts and plans only those of this action are disclosed."""
    kind, _, name = label.partition("/")
    return kind not in ("contract", "plan") or name in contracts


def _consistency(connection: sqlite3.Connection, old: int) -> Consistency:
    size = Checkpoint.of_note(newest_note(connection)).size
    if old > size:
        raise AilyusError("not_authentic", f"the older checkpoint has {old} leaves, the log only {size}")
    return Consistency(old=old, hashes=tuple(_encode(h) for h in consistency_from(connection, old, size)))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
