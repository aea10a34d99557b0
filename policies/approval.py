"""Approvals: what exactly a person signs, and when that signature counts.

With a key file the signed bytes are `ailyus-approval-v1\\n` and the 64 hex digits of the binding's digest, Ed25519
(RFC 8032). A passkey signs a WebAuthn assertion whose challenge is that digest (32 bytes).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.schema.contract import RISKS, Risk
from contracts.schema.fields import Strict
from policies.passkey import Assertion
from policies.principal import Key
from policies.signature import PersonDocument, verify_signature

# clocks of an approver and of the gateway differ; expiry is not stretched by it
CLOCK_SKEW_MS = 2_000


class Subject(Strict):
    """What is asked to be approved: one exact action on one exact target instance in one exact state.

    `plan_digest` is over every step of a plan with its undo.
    """

    later = frozenset({"plan_digest"})

    origin: str
    tenant: str
    action_id: str
    action_digest: str
    contract: str
    version: int
    contract_digest: str
    target_digest: str
    # INVARIANT 2: a fallback acts by another account, so it is a part of what is approved
    routes: tuple[str, ...]
    resource_type: str
    resource_id: str
    params: dict[str, JsonValue]
    agent: str
    person: str
    slice_digest: str
    schema_digest: str
    needs: tuple[tuple[tuple[str, int], ...], ...]
    pinned: dict[str, str]
    display_digest: str
    plan_digest: str | None = None


class Binding(PersonDocument):
    """A subject, who decides it, in which role, how, and for how long. Times are integer milliseconds."""

    purpose: Literal["ailyus-approval-v1"]
    subject: Subject
    approver: str
    role: str
    verdict: Literal["approve", "refuse"]
    comment: str = Field(max_length=500)
    not_before_ms: int
    expires_ms: int
    # two approvals of one action would else be one document, and used up together
    nonce: str


class SignedApproval(BaseModel):
    """A binding, the key, and its signature (hex, 64 bytes) or a passkey's assertion. `id` is the binding's digest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    binding: Binding
    keyid: str
    signature: str = ""
    assertion: Assertion | None = None

    @property
    def id(self) -> str:
        """Identity of the approval."""
        return self.binding.digest


def sign_binding(binding: Binding, key: Ed25519PrivateKey, keyid: str) -> SignedApproval:
    """Sign with a person's private key; the key never leaves the signer's process."""
    return SignedApproval(binding=binding, keyid=keyid, signature=key.sign(binding.message).hex())


@dataclass(frozen=True, slots=True)
class ExcludedApprovers:
    """Who may never approve: by code, not by policy."""

    person: str
    owner: str
    author: str | None
    authors: frozenset[str] = frozenset()

    def excludes(self, approver: str) -> bool:
        """The person acted for, the agent's owner, and whoever released this very set, now or before."""
        # guard: every author of a set
        return approver in (self.person, self.owner, self.author) or approver in self.authors


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Facts about the workspace and the action that decide how strong a key must be.

    From risk high on it is a passkey, whose user was verified; in development workspaces any key.
    """

    development: bool
    risk: Risk
    boundary: str = "network"


def approval_fault(
    approval: SignedApproval,
    now_subject: Subject,
    keys: Mapping[str, Key],
    bystanders: ExcludedApprovers,
    rules: KeyRules,
    now_ms: int,
    used: bool,
) -> str | None:
    """The code (see contracts/errors.py) why this approval does not count now, or None when it does.

    Cedar's own word about `approve:<contract>`, and the need, are asked apart: see `Decider.may_approve`, `decide`.
    """
    binding = approval.binding
    key = keys.get(approval.keyid)
    if key is None or key.revoked or key.person != binding.approver:
        return "unlinked_key"
    if not verify_approval(approval, key):
        return "bad_signature"
    # INVARIANT: an approval is used at most once.
    if used:
        return "used"
    if now_ms > binding.expires_ms or now_ms + CLOCK_SKEW_MS < binding.not_before_ms:
        return "expired"
    changed = subject_change(binding.subject, now_subject)
    if changed:  # guard: bound to the exact subject
        return changed
    if bystanders.excludes(binding.approver):  # guard: no self-approval
        return "self_approval"
    return _key_weakness(key, rules)


def verify_approval(approval: SignedApproval, key: Key) -> bool:
    """Is this the key's word on exactly this binding?"""
    return verify_signature(
        approval.signature, approval.assertion, approval.binding.message, approval.binding.digest, key
    )


_CHANGES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("other_requester", ("tenant", "agent", "person")),
    ("params_changed", ("params",)),
    ("resource_changed", ("resource_type", "resource_id")),
    ("target_changed", ("origin", "target_digest", "routes")),
    ("policy_changed", ("contract", "version", "contract_digest", "slice_digest", "schema_digest")),
    ("state_changed", ("pinned",)),
    ("params_changed", ("action_id", "action_digest", "plan_digest")),
    ("need_missing", ("needs",)),
    ("state_changed", ("display_digest",)),
)


def subject_change(signed: Subject, now: Subject) -> str | None:
    """Which part of the subject is no longer what was signed, as a code, or None."""
    for code, fields in _CHANGES:
        if any(getattr(signed, field) != getattr(now, field) for field in fields):
            return code
    return None


def _key_weakness(key: Key, rules: KeyRules) -> str | None:
    if rules.development or key.kind == "passkey":
        return None
    if key.kind == "development":
        return "weak_key"
    if rules.boundary == "same_user":
        return "weak_key"  # an agent of the same operating-system user could read the key file
    return "weak_key" if RISKS.index(rules.risk) >= RISKS.index("high") else None


def count_by_role(approvals: Sequence[SignedApproval], now_ms: int) -> tuple[dict[str, int], int]:
    """Approvals by role, each person once and for one role, and the age of the oldest in whole seconds."""
    # INVARIANT 2: a person counts once, for the first role that they signed in
    seen: set[str] = set()
    counts: dict[str, int] = {}
    oldest = now_ms
    for approval in sorted(approvals, key=lambda a: a.binding.not_before_ms):
        if approval.binding.approver in seen or approval.binding.verdict != "approve":
            continue
        seen.add(approval.binding.approver)
        counts[approval.binding.role] = counts.get(approval.binding.role, 0) + 1
        oldest = min(oldest, approval.binding.not_before_ms)
    return counts, max(0, (now_ms - oldest) // 1000) if counts else 0
