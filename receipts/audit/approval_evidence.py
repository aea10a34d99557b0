"""The approvals that a proof file opens: each is the word of a linked key on this very action."""

from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue, ValidationError

from contracts.canonical import canonical, digest
from contracts.errors import AilyusError
from contracts.text.repeated_keys import refuse_repeated
from policies.approval import SignedApproval, verify_approval
from policies.approval_document import Display
from policies.principal import Key, Passkey, key_kind, keyid_of
from receipts.audit.disclosure import Disclosed
from receipts.audit.proof_statement import Predicate, ProofStatement


def check_approvals(disclosed: Disclosed, stated: Sequence[ProofStatement]) -> None:
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
        # whose a key is may be closed in the file: then the signature counts, and the name is the binding's word
        if key is None or key.person not in ("", approval.binding.approver) or not verify_approval(approval, key):
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


def _is_for(
    approval: SignedApproval, own: ProofStatement, stated: Sequence[ProofStatement], disclosed: Disclosed
) -> bool:
    """Is this very action what was signed: id, digest, parameters, contract, target, who asked, and which record?

    A step of a plan carries the approval of its plan, whose own statement must then be in the file.
    """
    subject, plan = approval.binding.subject, own.predicate.get("plan")
    home: ProofStatement | None = own
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


def _is_as_disclosed(approval: SignedApproval, own: ProofStatement, home: ProofStatement, disclosed: Disclosed) -> bool:
    """Does what else is opened of the action agree: its parameters, and the record that it was sent to?"""
    subject = approval.binding.subject
    params = disclosed.get((home.receipt, "params"))
    # as bytes: in Python 1, 1.0 and true are equal
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
    stated: Sequence[ProofStatement],
    disclosed: Disclosed,
) -> Key | None:
    """A key as the log knew it at this index; whose it is, where that is disclosed."""
    found: Key | None = None
    for one in sorted(stated, key=lambda s: s.index):
        about = one.predicate.get("about")
        # only what stood in the log before: a key that was linked later signs nothing of then
        if one.index >= index or one.predicate.get("kind") != "key" or not isinstance(about, dict):
            continue
        if about.get("keyid") != keyid:
            continue
        person = disclosed.get((one.receipt, "person"), b"").decode("utf-8", "replace")
        # a later revocation takes the key away again; a later link gives it back
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
