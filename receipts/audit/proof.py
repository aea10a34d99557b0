"""One offline file per action: statements, their log proofs, and what their commitments open to.

```
{"format":"ailyus-proof-v1","receipt":"rcp_…",
 "statements":[{"envelope":"<DSSE JSON>","proof":"<tlog-proof@v1>"}],
 "disclosures":[{"receipt":"rcp_…","label":"before/user","salt":"<base64>","data":"<base64>"}],
 "consistency":{"old":7,"hashes":["<base64>"]}}
```
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, field_validator

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.rotation import MARK, rotation_of
from receipts.log.signing import Envelope
from receipts.statement.ledger import CONTROL
from receipts.store.log_tables import consistency_by, note_over, proof_by
from receipts.store.row import Read, Row, Value, blob, integer

MAX_FILE = 32 * 1024 * 1024
"""Bytes of a proof file that a verifier reads."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProofEntry(_Wire):
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

    @field_validator("old", mode="before")
    @classmethod
    def _is_number(cls, old: object) -> object:
        # as JavaScript reads it: `1.0` is the number 1, and neither a text nor a boolean is one
        if isinstance(old, bool | str):
            raise ValueError("expected a number")
        return old


class ProofFile(_Wire):
    """The whole file."""

    format: Literal["ailyus-proof-v1"]
    receipt: str
    statements: tuple[ProofEntry, ...]
    disclosures: tuple[Disclosure, ...]
    consistency: Consistency | None = None

    def encoded(self) -> bytes:
        """The file's bytes."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"


def write_proof(read: Read, receipt_id: str, since: int | None, disclose: bool) -> ProofFile:
    """Collect every statement of the receipt's action and of its steps, its release, and its approvers' and log's keys.

    `read` sees one snapshot, so that every proof is in the same checkpoint. Nobody else's keys are in the file, and of
    the release only the contracts and the policies that decided on this action.
    """
    found = read("SELECT action_id, leaf_index, contract, tenant FROM statements WHERE id = ?", receipt_id)
    if not found:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    action, leaf, contract, tenant = found[0]
    own = _of_action(read, action, leaf)
    rows = {integer(row[1]): row for row in (*own, *_of_release(read, leaf))}
    # by its leaf: a statement that two of these queries find stands in the file once
    rows |= {integer(row[1]): row for row in _of_keys(read, _keyids(read, own), str(tenant))}
    rows |= {integer(row[1]): row for row in (*_of_rotations(read), *_of_erasures(read, own))}
    steps = read("SELECT DISTINCT contract FROM actions WHERE plan_id = ?", action)
    contracts = {str(contract), *(str(step) for (step,) in steps)} - {""}
    marks = ", ".join("?" for _ in rows)
    pieces = read(
        f"SELECT s.id, s.kind, e.label, e.salt, e.data, s.action_id, leaf_index"
        f" FROM evidence AS e JOIN statements AS s USING (leaf_index) WHERE leaf_index IN ({marks})",
        *rows,
    )
    disclosures = tuple(
        Disclosure(receipt=str(r[0]), label=str(r[2]), salt=_encode(blob(r[3])), data=_encode(blob(r[4])))
        for r in pieces
        # a plan's pictures are in the proofs of its steps
        if disclose and not (steps and str(r[2]).startswith("page/"))
        if (r[5] is None and r[6] == leaf and r[1] != "release") or _is_about(str(r[1]), str(r[2]), contracts)
    )
    # one checkpoint for all of them, and one that covers what is to be continued as well
    note = note_over(read, max(max(rows) + 1, since or 0))
    return ProofFile(
        format="ailyus-proof-v1",
        receipt=receipt_id,
        statements=tuple(
            ProofEntry(envelope=blob(rows[at][2]).decode(), proof=proof_by(read, at, note).text())
            for at in sorted(rows)
        ),
        disclosures=disclosures,
        consistency=_consistency(read, since, note) if since is not None else None,
    )


_ROW = "SELECT id, leaf_index, envelope, kind FROM statements"


def _of_action(read: Read, action: Value, leaf: Value) -> list[Row]:
    """The receipt's own statement, and all of its action, of its steps, and of the plan that it is a step of."""
    if action is None:
        return read(f"{_ROW} WHERE leaf_index = ?", leaf)
    return read(
        f"{_ROW} WHERE action_id = ?1 OR action_id IN (SELECT id FROM actions WHERE plan_id = ?1)"
        " OR (action_id = (SELECT plan_id FROM actions WHERE id = ?1) AND kind = 'decision') ORDER BY leaf_index",
        action,
    )


def _of_release(read: Read, leaf: Value) -> list[Row]:
    return read(
        f"{_ROW} WHERE kind = 'release' AND leaf_index <= ? ORDER BY leaf_index DESC LIMIT 1",
        leaf,
    )


def _of_rotations(read: Read) -> list[Row]:
    """How the log's key was rotated: by this whoever trusts an older key follows to the one that signs now."""
    sql = f"{_ROW} WHERE kind = 'rotation' AND leaf_index IN (SELECT leaf_index FROM search WHERE value = ?)"
    return [row for row in read(sql, MARK) if rotation_of(Envelope.decode(blob(row[2]))) is not None]


def _of_erasures(read: Read, own: Sequence[Row]) -> list[Row]:
    """What says that everything personal of these actions was erased."""
    actions = sorted({str(action) for row in own if (action := _predicate(row).get("action")) is not None})
    if not actions:
        return []
    marks = ", ".join("?" for _ in actions)
    found = f"SELECT leaf_index FROM search WHERE value IN ({marks})"
    return read(f"{_ROW} WHERE kind = 'erasure' AND leaf_index IN ({found})", *actions)


def _keyids(read: Read, own: Sequence[Row]) -> set[str]:
    """The keys by which people decided on this action."""
    named = {str(_predicate(row).get("keyid", "")) for row in own if row[3] == "decision"}
    marks = ", ".join("?" for _ in own)
    signed = read(
        f"SELECT data FROM evidence WHERE leaf_index IN ({marks})"
        " AND (label IN ('approval', 'decision') OR label LIKE 'approval/%')",
        *(row[1] for row in own),
    )
    return (named | {str(orjson.loads(blob(data))["keyid"]) for (data,) in signed}) - {""}


def _of_keys(read: Read, keyids: Collection[str], tenant: str) -> list[Row]:
    """What the log says of these keys."""
    if not keyids:
        return []
    rows = read(f"{_ROW} WHERE {CONTROL} AND kind = 'key' AND tenant IN (?, '') ORDER BY leaf_index", tenant)
    return [row for row in rows if _about(row).get("keyid") in keyids]  # guard: keys of other people


def _about(row: Row) -> Mapping[str, JsonValue]:
    about = _predicate(row).get("about")
    return about if isinstance(about, dict) else {}


def _predicate(row: Row) -> Mapping[str, JsonValue]:
    predicate = orjson.loads(Envelope.decode(blob(row[2])).payload)["predicate"]
    return predicate if isinstance(predicate, dict) else {}


def _is_about(kind: str, label: str, contracts: Collection[str]) -> bool:
    """Of a release what is about this action, of a key whose it is, and everything of the action itself."""
    what, _, name = label.partition("/")
    if kind == "release":
        # guard: policies of other actions
        return label == "schema" or (what in ("contract", "plan", "slice") and name in contracts)
    return kind != "key" or label == "person"


def _consistency(read: Read, old: int, note: str) -> Consistency:
    size = Checkpoint.of_note(note).size
    if old > size:
        raise AilyusError("not_authentic", f"the older checkpoint has {old} leaves, the log only {size}")
    return Consistency(old=old, hashes=tuple(_encode(h) for h in consistency_by(read, old, size)))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
