"""What was proposed as the next release: the signed statements of candidates, and what people said of each.

Rows only lead to a statement. Each statement MUST carry the signature of the log's key, and each piece of evidence MUST
open its commitment in it, before either counts. Nothing here says whether an approval holds: who applies one verifies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import orjson
from pydantic import ValidationError

from contracts.canonical import commitment
from contracts.errors import AilyusError
from policies.release_approval import ReleaseApproval
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope
from receipts.statement.gateway_facts import CandidateFacts
from receipts.statement.statement import PREDICATE
from receipts.store.row import Read, Value, blob, integer
from receipts.store.transaction import Txn

MARK: Final = "candidate"
"""The search value of every statement that proposes one; each statement about it has its digest as another."""
PACKAGE: Final = "package"
"""The label of the evidence that holds all that was proposed, while it waits."""
APPROVAL: Final = "approval"
"""The label of the evidence that holds what a person signed."""
_SALT: Final = 16
_LOSS: Final = "loss"  # the search value of `receipts/journal/loss.py`
_PROPOSED: Final = (
    "SELECT s.leaf_index, s.id, s.envelope FROM search AS w JOIN statements AS s USING (leaf_index) WHERE w.value = ?"
    " AND s.kind = 'candidate' AND s.at_ms >= ? ORDER BY s.leaf_index DESC LIMIT ?"
)
_EVENTS: Final = (
    "SELECT s.leaf_index, s.id, s.envelope FROM search AS w JOIN statements AS s USING (leaf_index) WHERE w.value = ?"
    " AND s.kind = 'candidate' ORDER BY s.leaf_index"
)
End = Literal["refused", "withdrawn", "applied"]


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """One proposed release as its statements say it.

    `leaf` and `receipt` are those of the statement that proposes it, `newest` is the leaf of the last one about it.
    `approvals` are those that nobody took back; `taken_back` are the digests of what was signed under the others.
    `lost`: a person accepted a loss since, so that nobody knows what became of it.
    """

    leaf: int
    receipt: str
    at_ms: int
    proposed: CandidateFacts
    newest: int
    approvals: tuple[ReleaseApproval, ...] = ()
    taken_back: frozenset[str] = frozenset()
    end: End | None = None
    ended_by: str = ""
    ended_comment: str = ""
    lost: bool = False

    @property
    def digest(self) -> str:
        """Of all that was proposed."""
        return self.proposed.candidate


def find(read: Read, digest: str, keys: LogKeys) -> CandidateRecord | None:
    """The candidate of this digest; None where there is none. Raises `AilyusError` `store_corrupt`."""
    record: CandidateRecord | None = None
    losses = read("SELECT max(leaf_index) FROM search WHERE value = ?", _LOSS)
    for leaf, receipt, envelope in read(_EVENTS, digest):
        at_ms, facts, committed = _said(leaf, blob(envelope), keys)
        # a row of another's statement leads here, whatever it says
        if facts.candidate != digest:
            raise _damaged("the log leads to the statement of another candidate")
        if facts.event == "proposed":
            lost = losses[0][0] is not None and integer(losses[0][0]) > integer(leaf)
            record = CandidateRecord(integer(leaf), str(receipt), at_ms, facts, integer(leaf), lost=lost)
        elif record is not None:
            record = _after(read, record, integer(leaf), facts, committed)
    return record


def newest(read: Read, keys: LogKeys, most: int, since_ms: int = 0) -> list[CandidateRecord]:
    """The last candidates that were proposed since then, the newest first; at most so many."""
    digests = [
        _said(leaf, blob(envelope), keys)[1].candidate for leaf, _, envelope in read(_PROPOSED, MARK, since_ms, most)
    ]
    return [record for digest in digests if (record := find(read, digest, keys)) is not None]


def package_of(read: Read, record: CandidateRecord, keys: LogKeys) -> bytes:
    """All that was proposed; raises `not_found` where it is erased already."""
    rows = read("SELECT envelope FROM statements WHERE leaf_index = ?", record.leaf)
    found = _opened(read, record.leaf, PACKAGE, _said(record.leaf, blob(rows[0][0]), keys)[2])
    if found is None:
        raise AilyusError("not_found", "the files of this candidate are not kept any more", hint="propose it anew")
    return found


def newest_leaf(txn: Txn, digest: str) -> int:
    """Inside a commit: where the last statement about it stands in the log; -1 when there is none."""
    rows = txn.query("SELECT max(leaf_index) FROM search WHERE value = ?", digest)
    return -1 if rows[0][0] is None else integer(rows[0][0])


def erase_package(txn: Txn, record: CandidateRecord) -> bool:
    """Inside a commit, beside the statement that says so: the files are gone. False where they were before."""
    return txn.write("DELETE FROM evidence WHERE leaf_index = ? AND label = ?", record.leaf, PACKAGE, rows=None) == 1


def _after(
    read: Read, record: CandidateRecord, leaf: int, facts: CandidateFacts, committed: Mapping[str, str]
) -> CandidateRecord:
    """The record with one more word about it."""
    record = replace(record, newest=leaf)
    signed, given = facts.signed or "", record.approvals
    if facts.event == "approved":
        return replace(record, approvals=(*given, _approval(read, leaf, facts, committed)))
    if facts.event == "taken_back":
        left = tuple(one for one in given if one.document.digest != signed)
        return replace(record, approvals=left, taken_back=record.taken_back | {signed})
    if facts.event == "proposed":  # one digest is proposed once
        raise _damaged("a candidate is proposed twice in the log")
    return replace(record, end=facts.event, ended_by=facts.by, ended_comment=facts.comment)


def _approval(read: Read, leaf: int, facts: CandidateFacts, committed: Mapping[str, str]) -> ReleaseApproval:
    data = _opened(read, leaf, APPROVAL, committed)
    try:
        approval = ReleaseApproval.model_validate_json(data or b"")
    except ValidationError:
        raise _damaged("the approval of a candidate cannot be read") from None
    if (approval.document.digest, approval.keyid) != (facts.signed, facts.keyid):
        raise _damaged("the approval of a candidate is not the one that its statement names")
    return approval


def _opened(read: Read, leaf: int, label: str, committed: Mapping[str, str]) -> bytes | None:
    """A piece of evidence that opens its commitment; None where it is not there."""
    for salt, data in read("SELECT salt, data FROM evidence WHERE leaf_index = ? AND label = ?", leaf, label):
        # guard: what was proposed
        if len(blob(salt)) != _SALT or commitment(blob(salt), blob(data)) != committed.get(label):
            raise _damaged(f"the evidence `{label}` of a candidate was changed")
        return blob(data)
    return None


def _said(leaf: Value, data: bytes, keys: LogKeys) -> tuple[int, CandidateFacts, dict[str, str]]:
    """When it was said, what, and the commitments of its evidence."""
    envelope = Envelope.decode(data)
    statement = orjson.loads(envelope.payload)
    if not keys.holds(envelope, integer(leaf)) or statement.get("predicateType") != PREDICATE.format(
        kind=CandidateFacts.of_kind
    ):
        raise _damaged("the statement of a candidate does not carry the signature of the log's key")
    predicate = statement["predicate"]
    try:
        return predicate["atMs"], CandidateFacts.model_validate(predicate["about"]), predicate["commitments"]
    except (ValidationError, KeyError):
        raise _damaged("the statement of a candidate is damaged") from None


def _damaged(sentence: str) -> AilyusError:
    return AilyusError("store_corrupt", sentence)
