"""Verify a proof file offline, with roots that come from the verifier and never from the file.

`verify` answers one question: is it authentic? It needs no gateway, store or network. The command `receipt verify` and
the demo call it; `server/console/static/verify.js` does the same in a browser, and both MUST agree. It does not run
Cedar or the expectations again, and it cannot know what was left out of a file: `Verified.not_shown` says so.

- Each statement MUST be signed by a trusted key and lie in the log of one signed checkpoint.
- An outcome's intent MUST lie in the log before it, for the same action (invariant 1).
- An approval that is opened MUST be signed by a key that was linked by then and not revoked, and be for this very
  action (invariant 2).
- What is opened MUST be what was committed to, with a salt of the right length.
- A fault MUST be told by the first thing that fails, as `bad_proof` or `not_authentic`.
"""

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from contracts.canonical import canonical, digest, opens
from contracts.errors import AilyusError
from contracts.text.repeated import refuse_repeated
from contracts.text.source import Malformed, read_bytes
from policies.approval import SignedApproval, signature_holds
from policies.approval_document import Display
from policies.principal import Key, Passkey, key_kind, keyid_of
from receipts.audit.proof import MAX_FILE, ProofFile
from receipts.log.checkpoint import Checkpoint, LogProof, decode
from receipts.log.merkle import consistent, included, leaf_hash
from receipts.log.signing import Envelope, open_note
from receipts.statement.statement import PREDICATE, TYPE

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
class Stated:
    """One statement of the file: its place in the log, what it says, and the digests of its subjects by their names."""

    index: int
    predicate: Predicate
    subjects: Mapping[str, str]

    @property
    def receipt(self) -> str:
        """The receipt's id."""
        return str(self.predicate["receipt"])

    @property
    def action(self) -> str | None:
        """The action that it is about; None for what is about the gateway itself."""
        found = self.predicate.get("action")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class Verified:
    """An authentic proof: the receipt's own predicate, those of its action, the checkpoint, and what is not shown."""

    receipt: Predicate
    statements: tuple[Predicate, ...]
    checkpoint: Checkpoint
    disclosed: "Disclosed"
    not_shown: tuple[str, ...]


def read_roots(path: Path) -> Roots:
    """The trusted roots from a file; raises `AilyusError` `bad_proof` naming what is wrong with it."""
    try:
        data = read_bytes(path, MAX_ROOTS)
        refuse_repeated(data, "bad_proof", f"`{path}`")
        roots = Roots.model_validate_json(data)
    except (Malformed, ValidationError):
        hint = "give the roots.json that the gateway's people handed you: --trust roots.json"
        raise AilyusError("bad_proof", f"`{path}` holds no trusted roots", hint=hint) from None
    for keyid, key in roots.keys.items():
        if not _is_key(keyid, key):
            hint = "a trusted key is 32 bytes in hex, under the id that its SHA-256 begins with"
            raise AilyusError("bad_proof", f"`{path}`: the key `{keyid[:64]}` is no trusted key", hint=hint)
    return roots


def _is_key(keyid: str, key: str) -> bool:
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        return False
    return len(raw) == 32 and raw.hex() == key and keyid_of(raw) == keyid


def verify(data: bytes, roots: Roots, since: str | None = None) -> Verified:
    """Answer *authentic?*: raises `AilyusError` `not_authentic` or `bad_proof` naming the first thing that fails."""
    file = _read(data)
    keys = roots.raw
    checkpoint: Checkpoint | None = None
    stated: list[Stated] = []
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
        stated.append(_stated(envelope, proof.index))
    for count in (Counter(s.receipt for s in stated), Counter(s.index for s in stated)):
        if any(n > 1 for n in count.values()):
            raise AilyusError("not_authentic", "a statement is in the file twice")
    receipt = next((s.predicate for s in stated if s.receipt == file.receipt), None)
    if checkpoint is None or receipt is None:
        raise AilyusError("not_authentic", "the receipt is not among the statements")
    _check_order(stated)
    disclosed = _disclosed(file, stated)
    _check_approvals(disclosed, stated)
    if since is not None:
        _check_since(file, checkpoint, signed_checkpoint(since, roots))
    not_shown = tuple(_not_shown(receipt, stated, disclosed, since))
    return Verified(receipt, tuple(s.predicate for s in stated), checkpoint, disclosed, not_shown)


def _read(data: bytes) -> ProofFile:
    if len(data) > MAX_FILE:
        raise AilyusError("bad_proof", "the file is larger than 32 MiB")
    refuse_repeated(data, "bad_proof", "the file")  # guard: keys that a file names twice
    try:
        return ProofFile.model_validate_json(data)
    except ValidationError:
        raise AilyusError("bad_proof", "the file is no ailyus-proof-v1") from None


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


def _stated(envelope: Envelope, index: int) -> Stated:
    try:
        statement = orjson.loads(envelope.payload)
        predicate = statement["predicate"]
        subjects = {str(s["name"]): str(s["digest"]["sha256"]) for s in statement["subject"]}
        kind = PREDICATE.format(kind=predicate["kind"])
        same = canonical(statement) == envelope.payload
        same = same and (statement["_type"], statement["predicateType"]) == (TYPE, kind)
        same = same and isinstance(predicate["receipt"], str)
    except (ValueError, KeyError, TypeError, AttributeError, AilyusError):
        raise AilyusError("not_authentic", "a payload is not a canonical in-toto statement") from None
    if not same:
        raise AilyusError("not_authentic", "a payload is not a canonical in-toto statement")
    return Stated(index, predicate, subjects)


def _check_order(stated: Sequence[Stated]) -> None:
    """What was sent was intended before: the outcome's intent is in the log, earlier, for the same action."""
    by_receipt = {s.receipt: s for s in stated}
    for own in stated:
        intent = own.predicate.get("intent")
        if own.predicate.get("kind") != "outcome" or intent is None:
            continue
        found = by_receipt.get(str(intent))
        if found is None or found.index >= own.index or (found.action, found.subjects) != (own.action, own.subjects):
            raise AilyusError("not_authentic", "the outcome's intent is not in the log before it")


Disclosed = Mapping[tuple[str, str], bytes]
"""(receipt, label) → what its commitment opens to."""


def _disclosed(file: ProofFile, stated: Sequence[Stated]) -> Disclosed:
    commitments = {s.receipt: s.predicate.get("commitments") for s in stated}
    found: dict[tuple[str, str], bytes] = {}
    for item in file.disclosures:
        try:
            salt, data = base64.b64decode(item.salt, validate=True), base64.b64decode(item.data, validate=True)
        except (binascii.Error, ValueError):
            raise AilyusError("bad_proof", f"the disclosure `{item.label}` is no base64") from None
        known = commitments.get(item.receipt)
        expected = known.get(item.label) if isinstance(known, dict) else None
        # INVARIANT: a salt of any other length would let bytes of the evidence be cut off, or be put in front of it
        if not isinstance(expected, str) or not opens(expected, salt, data):
            raise AilyusError("not_authentic", f"the disclosure `{item.label}` is not what was committed to")
        if (item.receipt, item.label) in found:
            raise AilyusError("not_authentic", f"the disclosure `{item.label}` is in the file twice")
        found[item.receipt, item.label] = data
    return found


def _check_approvals(disclosed: Disclosed, stated: Sequence[Stated]) -> None:
    """Each approval is the word of a key that was linked before it and not revoked, on this very action."""
    by_receipt = {s.receipt: s for s in stated}
    for (receipt, label), data in disclosed.items():
        if label not in ("approval", "decision") and not label.startswith("approval/"):
            continue
        own = by_receipt[receipt]
        try:
            refuse_repeated(data, "not_authentic", f"the approval in `{receipt}`")
            approval = SignedApproval.model_validate_json(data)
        except ValidationError:
            raise AilyusError("not_authentic", f"the approval in `{receipt}` is malformed") from None
        key = _key_at(approval.keyid, own.index, stated, disclosed)
        if key is None or key.person not in ("", approval.binding.approver) or not signature_holds(approval, key):
            raise AilyusError("not_authentic", f"the approval in `{receipt}` is not signed by a linked key")
        if not _is_counted(approval, label, own.predicate):  # guard: an approval that is counted
            raise AilyusError("not_authentic", f"the approval in `{receipt}` is not the one that its statement names")
        if not _is_for(approval, own, stated, disclosed):  # guard: an approval and its action
            raise AilyusError("not_authentic", f"the approval in `{receipt}` is for another action")
        shown = disclosed.get((receipt, "asked"))
        if label in ("approval", "decision") and shown is not None:
            _check_shown(shown, approval.binding.subject.display_digest, receipt)


def _is_counted(approval: SignedApproval, label: str, predicate: Predicate) -> bool:
    """Does the statement say of this approval what its approver said?"""
    if label == "decision":
        return (approval.binding.verdict, predicate.get("status")) == ("refuse", "refused")
    if approval.binding.verdict != "approve":
        return False
    if label == "approval":
        return predicate.get("approval") == approval.id and predicate.get("keyid") == approval.keyid
    named = predicate.get("approvals")
    return isinstance(named, list) and approval.id in named


def _is_for(approval: SignedApproval, own: Stated, stated: Sequence[Stated], disclosed: Disclosed) -> bool:
    """Is this very action what was signed: id, digest, parameters, contract, target, who asked, and which record?

    A step of a plan carries the approval of its plan, whose own statement must then be in the file.
    """
    subject, plan = approval.binding.subject, own.predicate.get("plan")
    home: Stated | None = own
    if isinstance(plan, dict) and own.action != subject.action_id == plan.get("action"):
        home = next((s for s in stated if s.action == subject.action_id), None)
    if home is None or home.action != subject.action_id:
        return False
    said, connection = home.predicate, home.predicate.get("connection")
    signed: dict[str, JsonValue] = {
        "tenant": subject.tenant,
        "agent": subject.agent,
        "origin": subject.origin,
        "target": subject.target_digest,
        "contract": {"id": subject.contract, "version": subject.version, "digest": subject.contract_digest},
    }
    if any(said.get(name) != value for name, value in signed.items()):
        return False
    # INVARIANT: the digest is computed from what was signed, so that neither digest nor parameters can be exchanged
    try:
        computed = digest(
            {
                "purpose": "ailyus-action-v1",
                "contract": subject.contract,
                "version": subject.version,
                "contractDigest": subject.contract_digest,
                "tenant": subject.tenant,
                "agent": subject.agent,
                "person": subject.person,
                "connection": connection,
                "target": subject.target_digest,
                "params": subject.params,
            }
        )
    except AilyusError:
        return False
    if home.subjects.get(subject.action_id) != subject.action_digest or computed != subject.action_digest:
        return False
    return _is_as_disclosed(approval, own, home, disclosed)


def _is_as_disclosed(approval: SignedApproval, own: Stated, home: Stated, disclosed: Disclosed) -> bool:
    """Does what else is opened of the action agree: its parameters, and the record that it was sent to?"""
    subject = approval.binding.subject
    params = disclosed.get((home.receipt, "params"))
    if params is not None and params != canonical(subject.params):
        return False
    resource = disclosed.get((own.receipt, "resource"))
    if resource is None or own is not home:
        return True
    try:
        record = orjson.loads(resource)
        return bool((record["type"], record["id"]) == (subject.resource_type, subject.resource_id))
    except (ValueError, KeyError, TypeError):
        return False


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
    stated: Sequence[Stated],
    disclosed: Disclosed,
) -> Key | None:
    """A key as the log knew it at this index; whose it is, where that is disclosed."""
    found: Key | None = None
    for one in sorted(stated, key=lambda s: s.index):
        about = one.predicate.get("about")
        if one.index >= index or one.predicate.get("kind") != "key" or not isinstance(about, dict):
            continue
        if about.get("keyid") != keyid:
            continue
        person = disclosed.get((one.receipt, "person"), b"").decode("utf-8", "replace")
        found = _key(keyid, about, person) if about.get("event") == "linked" else None
    return found


def _key(keyid: str, about: Mapping[str, JsonValue], person: str) -> Key | None:
    try:
        public = bytes.fromhex(str(about["public"]))
        kind, passkey = key_kind(about["keyKind"]), None
        if kind == "passkey":
            passkey = Passkey(str(about["credential"]), str(about["rpId"]), str(about["origin"]))
        # the id names the key, so that no other key can stand under it
        return Key(keyid, public, person, kind, passkey=passkey) if keyid_of(public) == keyid else None
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


def _not_shown(receipt: Predicate, stated: Sequence[Stated], disclosed: Disclosed, since: str | None) -> Iterator[str]:
    """What this verdict does not cover, and what whoever wrote the file can have left out."""
    limits = receipt.get("limits")
    yield from (str(limit) for limit in limits) if isinstance(limits, list) else ()
    yield "whether Cedar decides the same again and whether the expectations hold again was not run here"
    yield (
        "whoever wrote the file can have left statements out: a later look, a person's resolution, or a key's"
        " revocation would not be missed"
    )
    named, opened = 0, 0
    for own in stated:
        approvals = own.predicate.get("approvals")
        if own.predicate.get("kind") == "intent" and isinstance(approvals, list):
            named += len(approvals)
            opened += sum((own.receipt, f"approval/{i}") in disclosed for i in range(len(approvals)))
    if named > opened:  # guard: what leaving out can hide
        yield f"{named - opened} of {named} approvals that the intents name are not in the file"
    if not named and any(own.predicate.get("kind") == "intent" for own in stated):
        yield "no approval: the intents name none, so the gateway's word is taken that the policies asked for none"
    closed = [label for own in stated for label in _closed(own, disclosed)]
    if closed:
        listed = ", ".join(f"`{label}`" for label in closed[:_LISTED])
        more = f" and {len(closed) - _LISTED} more" if len(closed) > _LISTED else ""
        yield f"{len(closed)} pieces of evidence are not opened: {listed}{more}"
    if since is None:
        yield "no older checkpoint was compared; use --since to show that the log was never rewritten"


_LISTED = 12
"""Pieces of evidence that are named where they are not opened."""


def _closed(own: Stated, disclosed: Disclosed) -> Iterator[str]:
    """The evidence of an action that a statement commits to and the file does not open."""
    commitments = own.predicate.get("commitments")
    if own.action is None or not isinstance(commitments, dict):
        return
    for label in commitments:
        if (own.receipt, label) not in disclosed:
            yield label
