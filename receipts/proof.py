"""One offline file per action: statements, their log proofs, and what their commitments open to.

```
{"format":"ailyus-proof-v1","receipt":"rcp_…",
 "statements":[{"envelope":"<DSSE JSON>","proof":"<tlog-proof@v1>"}],
 "disclosures":[{"receipt":"rcp_…","label":"before/user","salt":"<base64>","data":"<base64>"}],
 "consistency":{"old":7,"hashes":["<base64>"]}}
```
"""

import base64
from collections.abc import Collection
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from contracts.errors import AilyusError
from receipts.log import Checkpoint
from receipts.store import Read, blob, consistency_by, integer, newest_note, proof_by

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


def write_proof(read: Read, receipt_id: str, since: int | None, disclose: bool) -> ProofFile:
    """Collect every statement of the receipt's action and of its steps, its release and its approvers' keys.

    `read` sees one snapshot, so that every proof is in the same checkpoint.
    """
    found = read("SELECT action_id, leaf_index, contract FROM statements WHERE id = ?", receipt_id)
    if not found:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    action, leaf, contract = found[0]
    rows = read(
        "SELECT id, leaf_index, envelope FROM statements WHERE (action_id IS NOT NULL AND action_id = ?1)"
        " OR action_id IN (SELECT id FROM actions WHERE plan_id = ?1)"
        " OR leaf_index = ?2 OR kind = 'key'"
        " OR leaf_index = (SELECT max(leaf_index) FROM statements WHERE kind = 'release' AND leaf_index <= ?2)"
        " ORDER BY leaf_index",
        action,
        leaf,
    )
    statements = tuple(
        Proven(envelope=blob(envelope).decode(), proof=proof_by(read, integer(index)).text())
        for _, index, envelope in rows
    )
    steps = read("SELECT DISTINCT contract FROM actions WHERE plan_id = ?", action)
    contracts = {str(contract), *(str(step) for (step,) in steps)}
    marks = ", ".join("?" for _ in rows)
    pieces = read(
        f"SELECT s.id, e.label, e.salt, e.data FROM evidence AS e JOIN statements AS s USING (leaf_index)"
        f" WHERE leaf_index IN ({marks})",
        *(row[1] for row in rows),
    )
    disclosures = tuple(
        Disclosure(receipt=str(r[0]), label=str(r[1]), salt=_encode(blob(r[2])), data=_encode(blob(r[3])))
        for r in pieces
        # a plan's pictures are in the proofs of its steps
        if disclose and _is_about(str(r[1]), contracts) and not (steps and str(r[1]).startswith("page/"))
    )
    return ProofFile(
        format="ailyus-proof-v1",
        receipt=receipt_id,
        statements=statements,
        disclosures=disclosures,
        consistency=_consistency(read, since) if since is not None else None,
    )


def _is_about(label: str, contracts: Collection[str]) -> bool:
    """Of a release's contracts and plans only those of this action are disclosed, of its files and people none."""
    kind, _, name = label.partition("/")
    hidden = ("file", "releasers", "signed", "connections")
    return kind not in hidden and (kind not in ("contract", "plan") or name in contracts)


def _consistency(read: Read, old: int) -> Consistency:
    size = Checkpoint.of_note(newest_note(read)).size
    if old > size:
        raise AilyusError("not_authentic", f"the older checkpoint has {old} leaves, the log only {size}")
    return Consistency(old=old, hashes=tuple(_encode(h) for h in consistency_by(read, old, size)))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
