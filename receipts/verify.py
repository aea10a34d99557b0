"""Verify a proof file offline, with roots that come from the verifier and never from the file."""

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from contracts.canonical import canonical, commitment
from contracts.errors import AilyusError
from contracts.source import Malformed, read_bytes
from policies.approval import SignedApproval, signature_holds
from policies.display import Display
from policies.principal import Key, Passkey, key_kind
from receipts.log import Checkpoint, LogProof, consistent, decode, included, leaf_hash
from receipts.proof import MAX_FILE, ProofFile
from receipts.signing import Envelope, open_note
from receipts.statement import TYPE

Predicate = Mapping[str, JsonValue]


class Roots(BaseModel):
    """What the verifier trusts: the log's name and its public keys (key id → raw Ed25519 key as hex)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: str
    keys: dict[str, str]

    @property
    def raw(self) -> dict[str, bytes]:
        """The keys as bytes."""
        return {keyid: bytes.fromhex(key) for keyid, key in self.keys.items()}


MAX_ROOTS = 1024 * 1024
"""Bytes that a file of trusted roots may have."""


@dataclass(frozen=True, slots=True)
class Verified:
    """An authentic proof: the receipt's own predicate, those of its action, the checkpoint, and what is not shown."""

    receipt: Predicate
    statements: tuple[Predicate, ...]
    checkpoint: Checkpoint
    disclosed: Mapping[tuple[str, str], bytes]
    not_shown: tuple[str, ...]


def read_roots(path: Path) -> Roots:
    """The trusted roots from a file."""
    try:
        return Roots.model_validate_json(read_bytes(path, MAX_ROOTS))
    except (Malformed, ValidationError):
        hint = "give the roots.json that the gateway's people handed you: --trust roots.json"
        raise AilyusError("bad_proof", f"`{path}` holds no trusted roots", hint=hint) from None


def verify(data: bytes, roots: Roots, since: str | None = None) -> Verified:
    """Answer *authentic?*: raises `AilyusError` `not_authentic` or `bad_proof` naming the first thing that fails."""
    if len(data) > MAX_FILE:
        raise AilyusError("bad_proof", "the file is larger than 32 MiB")
    try:
        file = ProofFile.model_validate_json(data)
    except ValidationError:
        raise AilyusError("bad_proof", "the file is no ailyus-proof-v1") from None
    keys = roots.raw
    checkpoint: Checkpoint | None = None
    predicates: list[tuple[int, Predicate]] = []
    for proven in file.statements:
        envelope, proof = Envelope.decode(proven.envelope.encode()), LogProof.parse(proven.proof)
        if not envelope.holds(keys):
            raise AilyusError("not_authentic", "a statement's signature does not hold under a trusted key")
        own = signed_checkpoint(proof.note, roots)
        if checkpoint is not None and own != checkpoint:
            raise AilyusError("not_authentic", "the proofs end in different checkpoints")
        checkpoint = own
        if not included(leaf_hash(envelope.leaf()), proof.index, own.size, proof.hashes, own.root):
            raise AilyusError("not_authentic", "a statement is not in the log that its proof names")
        predicates.append((proof.index, _predicate(envelope)))
    receipt = next((p for _, p in predicates if p.get("receipt") == file.receipt), None)
    if checkpoint is None or receipt is None:
        raise AilyusError("not_authentic", "the receipt is not among the statements")
    _check_order(predicates)
    disclosed = dict(_disclosed(file, [p for _, p in predicates]))
    _check_approvals(disclosed, predicates)
    if since is not None:
        _check_since(file, checkpoint, signed_checkpoint(since, roots))
    return Verified(receipt, tuple(p for _, p in predicates), checkpoint, disclosed, _not_shown(receipt, since))


def signed_checkpoint(note: str, roots: Roots) -> Checkpoint:
    """The tree head of a note that a trusted key signed. Raises `not_authentic`."""
    for key in roots.raw.values():
        try:
            checkpoint = Checkpoint.parse(open_note(note, roots.origin, key))
        except AilyusError:
            continue
        if checkpoint.origin == roots.origin:
            return checkpoint
    raise AilyusError("not_authentic", "the checkpoint is not signed by a trusted key")


def _predicate(envelope: Envelope) -> Predicate:
    try:
        statement = orjson.loads(envelope.payload)
        same = canonical(statement) == envelope.payload and statement["_type"] == TYPE
        predicate = statement["predicate"]
    except (ValueError, KeyError, TypeError, AilyusError):
        same, predicate = False, None
    if not same or not isinstance(predicate, dict):
        raise AilyusError("not_authentic", "a payload is not a canonical in-toto statement")
    return predicate


def _check_order(predicates: list[tuple[int, Predicate]]) -> None:
    """What was sent was intended before: the outcome's intent is in the log, earlier, for the same action."""
    by_receipt = {p.get("receipt"): (index, p) for index, p in predicates}
    for index, predicate in predicates:
        intent = predicate.get("intent")
        if predicate.get("kind") != "outcome" or intent is None:
            continue
        found = by_receipt.get(intent)
        if found is None or found[0] >= index or found[1].get("action") != predicate.get("action"):
            raise AilyusError("not_authentic", "the outcome's intent is not in the log before it")


def _disclosed(file: ProofFile, predicates: list[Predicate]) -> Iterator[tuple[tuple[str, str], bytes]]:
    commitments = {p.get("receipt"): p.get("commitments") for p in predicates}
    for item in file.disclosures:
        try:
            salt, data = base64.b64decode(item.salt, validate=True), base64.b64decode(item.data, validate=True)
        except (binascii.Error, ValueError):
            raise AilyusError("bad_proof", f"the disclosure `{item.label}` is no base64") from None
        known = commitments.get(item.receipt)
        expected = known.get(item.label) if isinstance(known, dict) else None
        if not isinstance(expected, str) or not hmac.compare_digest(expected, commitment(salt, data)):
            raise AilyusError("not_authentic", f"the disclosure `{item.label}` is not what was committed to")
        yield (item.receipt, item.label), data


def _check_approvals(disclosed: Mapping[tuple[str, str], bytes], predicates: list[tuple[int, Predicate]]) -> None:
    """Each approval is the word of a key that was linked before it and not revoked, on the document it names."""
    at = {str(p.get("receipt")): index for index, p in predicates}
    for (receipt, label), data in disclosed.items():
        if label != "decision" and not label.startswith("approval"):
            continue
        try:
            approval = SignedApproval.model_validate_json(data)
        except ValidationError:
            raise AilyusError("not_authentic", f"the approval in `{receipt}` is malformed") from None
        key = _key_at(approval.keyid, at[receipt], predicates, disclosed)
        if key is None or key.person not in ("", approval.binding.approver) or not signature_holds(approval, key):
            raise AilyusError("not_authentic", f"the approval in `{receipt}` is not signed by a linked key")
        shown = disclosed.get((receipt, "asked"))
        if label in ("approval", "decision") and shown is not None:
            _check_shown(shown, approval.binding.subject.display_digest, receipt)


def _check_shown(asked: bytes, digest: str, receipt: str) -> None:
    try:
        display = Display.model_validate(orjson.loads(asked)["display"])
    except (ValueError, KeyError, TypeError):
        display = None
    if display is None or display.digest != digest:
        raise AilyusError("not_authentic", f"the approval in `{receipt}` is for another document than was shown")


def _key_at(
    keyid: str,
    index: int,
    predicates: list[tuple[int, Predicate]],
    disclosed: Mapping[tuple[str, str], bytes],
) -> Key | None:
    """A key as the log knew it at this index; whose it is, where that is disclosed."""
    found: Key | None = None
    for position, predicate in predicates:
        about = predicate.get("about")
        if position >= index or predicate.get("kind") != "key" or not isinstance(about, dict):
            continue
        if about.get("keyid") != keyid:
            continue
        person = disclosed.get((str(predicate.get("receipt")), "person"), b"").decode()
        found = _key(about, person) if about.get("event") == "linked" else None
    return found


def _key(about: Mapping[str, JsonValue], person: str) -> Key | None:
    try:
        public = bytes.fromhex(str(about["public"]))
        kind, passkey = key_kind(about["keyKind"]), None
        if kind == "passkey":
            passkey = Passkey(str(about["credential"]), str(about["rpId"]), str(about["origin"]))
        return Key(str(about["keyid"]), public, person, kind, passkey=passkey)
    except (KeyError, ValueError):
        return None


def _check_since(file: ProofFile, checkpoint: Checkpoint, older: Checkpoint) -> None:
    proof = file.consistency
    if proof is None or proof.old != older.size:
        hint = "write the proof with `ailyus receipt proof ID --since CHECKPOINT`"
        raise AilyusError("not_authentic", "the file holds no consistency proof from that checkpoint", hint=hint)
    hashes = [decode(h) for h in proof.hashes]
    if not consistent(older.size, older.root, checkpoint.size, checkpoint.root, hashes):
        raise AilyusError("not_authentic", "the log is not a continuation of the older checkpoint")


def _not_shown(receipt: Predicate, since: str | None) -> tuple[str, ...]:
    limits = receipt.get("limits")
    said = [str(limit) for limit in limits] if isinstance(limits, list) else []
    said.append("whether Cedar decides the same again and whether the expectations hold again was not run here")
    if since is None:
        said.append("no older checkpoint was compared; use --since to show that the log was never rewritten")
    return tuple(said)
