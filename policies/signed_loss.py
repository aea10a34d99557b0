"""A signed loss: a person's signature under what a store remembered, what was restored in its place, and why.

The signed bytes are `ailyus-loss-v1\\n` and the 64 hex digits of the document's digest, Ed25519 (RFC 8032).
A passkey signs a WebAuthn assertion whose challenge is that digest (32 bytes).
"""

from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from policies.passkey import Assertion
from policies.principal import Key, keyid_of
from policies.signature import STRONGER, PersonDocument, PersonSignature, SignatureRefusals, check_person

MAX_REASON = 300
"""Characters."""


class LossDocument(PersonDocument):
    """What the person signs. `remembered_size` is None where nothing remembers how long the lost log was."""

    purpose: Literal["ailyus-loss-v1"] = "ailyus-loss-v1"
    origin: str
    remembered_size: int | None
    remembered_root: str
    restored_size: int
    restored_root: str
    person: str
    reason: str = Field(min_length=3, max_length=MAX_REASON)
    at_ms: int
    nonce: str


class SignedLoss(BaseModel):
    """A document, its person's public key (hex) and signature (hex, 64 bytes) or a passkey's assertion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: LossDocument
    public: str = Field(pattern=r"^([0-9a-f]{2})+$")
    signature: str = ""
    assertion: Assertion | None = None

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        # left out where there is none, so that what a key file signed is the bytes that it always was
        content: dict[str, JsonValue] = handler(self)
        return content if self.assertion else {name: one for name, one in content.items() if name != "assertion"}

    @property
    def keyid(self) -> str:
        """The id of the key that signed."""
        return keyid_of(bytes.fromhex(self.public))


def sign_loss(document: LossDocument, key: Ed25519PrivateKey) -> SignedLoss:
    """Sign with a person's private key; the key never leaves the signer's process."""
    public = key.public_key().public_bytes_raw().hex()
    return SignedLoss(document=document, public=public, signature=key.sign(document.message).hex())


def check_loss(signed: SignedLoss, key: Key | None, development: bool) -> None:
    """Raise `AilyusError` unless a key that is linked to the document's person signed exactly this document."""
    document = signed.document
    hint = "sign with a key that was linked when the backup was taken, or let another person accept the loss"
    refusals = SignatureRefusals(
        (f"the key is not linked to `{document.person}` in the restored store", hint),
        ("the loss is signed with a development key", STRONGER),
        "the signature under the loss does not hold",
    )
    check_person(
        PersonSignature(document, signed.signature, signed.assertion), document.person, key, development, refusals
    )
