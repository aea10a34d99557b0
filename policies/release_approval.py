"""The approval of a release: a further person's signature over the very document that its author signed.

The signed bytes are the document's purpose, `\\n` and the 64 hex digits of its digest, Ed25519 (RFC 8032), or a
passkey's assertion whose challenge is that digest. It says nothing about another release, another author's signature or
another log. What a passkey signs at the console also names the whole candidate, the live release that it was compared
with, and what was shown.
"""

import secrets
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import AilyusError
from policies.passkey import Assertion
from policies.principal import Key, keyid_of
from policies.signature import STRONGER, PersonDocument, PersonSignature, SignatureRefusals, check_person

MAX_COMMENT = 500
"""Characters."""


class ReleaseApprovalDocument(PersonDocument):
    """What an approver signs: `signed` is the digest of the author's document, `role` the one in which they approve."""

    purpose: Literal["ailyus-release-approval-v1"]
    origin: str
    signed: str
    approver: str
    role: str
    comment: str = Field(max_length=MAX_COMMENT)
    at_ms: int
    nonce: str


class CandidateApprovalDocument(PersonDocument):
    """What an approver signs at the console, about one proposed release as it was shown to them.

    `candidate` is the digest over all that was proposed, `live` and `after` are the digest of the live release and the
    leaf of its statement, `display_digest` is that of what was shown. It counts until `expires_ms`.
    """

    purpose: Literal["ailyus-release-candidate-v1"]
    origin: str
    signed: str
    candidate: str
    live: str
    after: int
    display_digest: str
    approver: str
    role: str
    verdict: Literal["approve", "refuse"]
    comment: str = Field(max_length=MAX_COMMENT)
    at_ms: int
    expires_ms: int
    nonce: str


class ReleaseApproval(BaseModel):
    """A document, the approver's public key (hex) and its signature (hex, 64 bytes) or a passkey's assertion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: Annotated[ReleaseApprovalDocument | CandidateApprovalDocument, Field(discriminator="purpose")]
    public: str = Field(pattern=r"^([0-9a-f]{2})+$")
    signature: str = ""
    assertion: Assertion | None = None

    @property
    def keyid(self) -> str:
        """The id of the key that signed."""
        return keyid_of(bytes.fromhex(self.public))


@dataclass(frozen=True, slots=True)
class ReleaseSubject:
    """The release that approvals are about, and the live one that it follows: its digest and its statement's leaf."""

    origin: str
    signed: str
    candidate: str
    live: str
    after: int


def approval_document(
    origin: str, signed: str, approver: str, role: str, comment: str, at_ms: int
) -> ReleaseApprovalDocument:
    """The document by which somebody approves the release whose author signed the document of this digest."""
    return ReleaseApprovalDocument(
        purpose="ailyus-release-approval-v1",
        origin=origin,
        signed=signed,
        approver=approver,
        role=role,
        comment=comment,
        at_ms=at_ms,
        nonce=secrets.token_hex(16),
    )


def sign_approval(document: ReleaseApprovalDocument, key: Ed25519PrivateKey) -> ReleaseApproval:
    """Sign with the approver's private key; the key never leaves the signer's process."""
    public = key.public_key().public_bytes_raw().hex()
    return ReleaseApproval(document=document, public=public, signature=key.sign(document.message).hex())


def check_approval(
    approval: ReleaseApproval, subject: ReleaseSubject, key: Key, now_ms: int, *, development: bool
) -> None:
    """Raise `AilyusError` unless this is the word of the key's person for exactly this signed release."""
    document = approval.document
    if isinstance(document, CandidateApprovalDocument) and document.verdict != "approve":  # guard: a refusal
        raise AilyusError("not_released", f"`{document.approver}` refused this release")
    check_word(approval, subject, key, now_ms, development=development)


def check_word(approval: ReleaseApproval, subject: ReleaseSubject, key: Key, now_ms: int, *, development: bool) -> None:
    """Raise `AilyusError` unless this is the word of the key's person, whatever it is, about this signed release."""
    document = approval.document
    # guard: an approval is of one release
    if (document.origin, document.signed) != (subject.origin, subject.signed):
        hint = "approve what is signed now: `ailyus release approve --as PERSON`"
        raise AilyusError("not_released", f"`{document.approver}` approved another release", hint=hint)
    if isinstance(document, CandidateApprovalDocument):
        _check_candidate(document, subject, now_ms)
    refusals = SignatureRefusals(
        (f"the approval is signed with a key that is not `{document.approver}`'s", ""),
        ("the release is approved with a development key", STRONGER),
        f"the approval of `{document.approver}` does not hold",
    )
    signature = PersonSignature(document, approval.signature, approval.assertion)
    check_person(signature, document.approver, key, development, refusals)


def _check_candidate(document: CandidateApprovalDocument, subject: ReleaseSubject, now_ms: int) -> None:
    # the author's document names no file outside of contracts and policies, and no limit of a connection
    # guard: an approval is of one candidate
    if document.candidate != subject.candidate:
        hint = "look at what is proposed now, and sign that"
        raise AilyusError("not_released", f"`{document.approver}` was shown other files", hint=hint)
    # guard: an approval is against one live release
    if (document.live, document.after) != (subject.live, subject.after):
        raise AilyusError("stale", f"`{document.approver}` approved a change of another release than the live one")
    if now_ms >= document.expires_ms:
        hint = "propose it anew: `ailyus release propose --as PERSON`"
        raise AilyusError("expired", f"the approval of `{document.approver}` is past its time", hint=hint)
