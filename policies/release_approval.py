"""The approval of a release: a further person's signature over the very document that its author signed.

The signed bytes are `ailyus-release-approval-v1\\n` and the 64 hex digits of the approval's own digest, Ed25519
(RFC 8032), or a passkey's assertion whose challenge is that digest. It says nothing about another release, another
author's signature or another log.
"""

import secrets
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import AilyusError
from policies.passkey import Assertion
from policies.principal import Key, keyid_of
from policies.signature import STRONGER, PersonDocument, PersonSignature, SignatureRefusals, check_person


class ReleaseApprovalDocument(PersonDocument):
    """What an approver signs: `signed` is the digest of the author's document, `role` the one in which they approve."""

    purpose: Literal["ailyus-release-approval-v1"]
    origin: str
    signed: str
    approver: str
    role: str
    comment: str = Field(max_length=500)
    at_ms: int
    nonce: str


class ReleaseApproval(BaseModel):
    """A document, the approver's public key (hex) and its signature (hex, 64 bytes) or a passkey's assertion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: ReleaseApprovalDocument
    public: str = Field(pattern=r"^([0-9a-f]{2})+$")
    signature: str = ""
    assertion: Assertion | None = None

    @property
    def keyid(self) -> str:
        """The id of the key that signed."""
        return keyid_of(bytes.fromhex(self.public))


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


def check_approval(approval: ReleaseApproval, origin: str, signed: str, key: Key, *, development: bool) -> None:
    """Raise `AilyusError` unless this is the word of the key's person about exactly this signed release."""
    document = approval.document
    # guard: an approval is of one release
    if (document.origin, document.signed) != (origin, signed):
        hint = "approve what is signed now: `ailyus release approve --as PERSON`"
        raise AilyusError("not_released", f"`{document.approver}` approved another release", hint=hint)
    refusals = SignatureRefusals(
        (f"the approval is signed with a key that is not `{document.approver}`'s", ""),
        ("the release is approved with a development key", STRONGER),
        f"the approval of `{document.approver}` does not hold",
    )
    signature = PersonSignature(document, approval.signature, approval.assertion)
    check_person(signature, document.approver, key, development, refusals)
