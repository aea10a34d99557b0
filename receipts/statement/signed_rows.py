"""Rows that are an index to a statement: a key, an agent, an approval, a request. Is each what was signed?"""

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from contracts.action.request import ActionRequest
from contracts.canonical import digest, pseudonym
from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.principal import Key, Passkey, key_kind, keyid_of
from receipts.statement.words import LedgerEntry
from receipts.store.row import Row, blob

AGENT = "SELECT name, tenant, owner, person, roles, observe_only, revoked, token_hash FROM agents"
KEY = "k.keyid, k.public, k.person, k.kind, k.revoked, p.credential, p.rp_id, p.origin"
"""Columns of keys AS k and passkeys AS p, as `key_of` reads them."""


def registration(
    name: str, tenant: str, owner: str, person: str, roles: str, observe_only: bool, token_hash: str
) -> str:
    """The digest by which a statement names an agent's row; the hash of its random token hides what stands in it."""
    return digest(
        {
            "purpose": "ailyus-agent-v1",
            "agent": name,
            "tenant": tenant,
            "owner": owner,
            "person": person,
            "roles": roles,
            "observeOnly": int(observe_only),
            "token": token_hash,
        }
    )


def key_is_said(key: Key, said: LedgerEntry, tenant_key: bytes | None) -> bool:
    """Is a key, with its person and the place of its passkey, what its statement says?"""
    at = key.passkey
    return (
        tenant_key is not None
        # whoever writes rows could put another key under an id that was linked
        and keyid_of(key.public) == key.keyid
        and said.text("public") == key.public.hex()
        and said.text("keyKind") == key.kind
        and said.text("holder") == pseudonym(tenant_key, "person", key.person)
        and (at is not None) is (key.kind == "passkey")
        and (said.text("credential"), said.text("rpId"), said.text("origin"))
        == ((at.credential, at.rp_id, at.origin) if at else ("", "", ""))
    )


def registered(row: Row, observe_only: bool) -> str:
    """The digest over an agent's row (`AGENT`)."""
    name, tenant, owner, person, roles = (str(value) for value in row[:5])
    return registration(name, tenant, owner, person, roles, observe_only, str(row[7]))


def key_of(row: Row) -> Key:
    """A key from its row."""
    passkey = None if row[5] is None else Passkey(str(row[5]), str(row[6]), str(row[7]))
    return Key(str(row[0]), blob(row[1]), str(row[2]), key_kind(row[3]), bool(row[4]), passkey)


def approval_is_said(row: Row, predicate: Mapping[str, JsonValue], tenants: Mapping[str, bytes]) -> bool:
    """Is the row of an approval (id, action, person, role, signed) what its statement says?"""
    try:
        signed = SignedApproval.model_validate_json(blob(row[4]))
    except (ValidationError, AilyusError):
        return False
    binding, key = signed.binding, tenants.get(str(predicate["tenant"]))
    return (
        # INVARIANT 2: row, signed approval and statement must name the same; each alone could be of another action
        signed.id == row[0] == predicate.get("approval")
        and binding.subject.action_id == row[1] == predicate["action"]
        and binding.role == row[3] == predicate.get("role")
        and signed.keyid == predicate.get("keyid")
        and binding.approver == row[2]
        and key is not None
        and pseudonym(key, "person", binding.approver) == predicate.get("approver")
    )


def is_about(
    statement: Mapping[str, JsonValue], request: ActionRequest, action_id: str, tenants: Mapping[str, bytes]
) -> bool:
    """Was this request, of this action, what a signed statement is about? Of a plan its steps speak too."""
    predicate, subject, key = statement["predicate"], statement["subject"], tenants.get(request.tenant)
    if not isinstance(predicate, dict) or not isinstance(subject, list) or key is None:
        return False
    who = (predicate["tenant"], predicate["agent"], predicate.get("person"), predicate.get("boundary"))
    # the person stands in the log as a pseudonym only, so the row's own name is hashed and compared
    if who != (request.tenant, request.agent, pseudonym(key, "person", request.person), request.boundary):
        return False
    plan = predicate.get("plan")
    if isinstance(plan, dict) and plan.get("action") == action_id:
        # a step of an earlier version does not say which request its plan is
        return plan.get("digest", request.action_digest) == request.action_digest
    return predicate["action"] == action_id and subject == [
        {"name": action_id, "digest": {"sha256": request.action_digest}}
    ]


def is_ended_by(statement: Mapping[str, JsonValue], action_id: str) -> bool:
    """Does a signed statement say that this very action was sent, or came to its end?"""
    predicate = statement["predicate"]
    if not isinstance(predicate, dict) or predicate["action"] != action_id:
        return False
    over = predicate["kind"] == "decision" and predicate["status"] in ("denied", "refused", "expired", "cancelled")
    return over or predicate["kind"] in ("intent", "outcome")
