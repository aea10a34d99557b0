"""A signed release: an author's signature over the digest of a release and over the set of files in it.

With a key file the signed bytes are `ailyus-release-v1\\n` and the 64 hex digits of the document's digest, Ed25519
(RFC 8032). A passkey signs a WebAuthn assertion whose challenge is that digest (32 bytes).
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from contracts.canonical import sha256
from contracts.errors import AilyusError
from policies.passkey import Assertion
from policies.principal import Key, keyid_of
from policies.release import Release
from policies.release_approval import ReleaseApproval
from policies.signature import STRONGER, PersonDocument, PersonSignature, SignatureRefusals, check_person
from policies.testing import Result

_SHOWN = 3


class ReleaseDocument(PersonDocument):
    """What the author signs: the release's digest and, by name, the digest of everything that it is made of."""

    purpose: Literal["ailyus-release-v1"]
    origin: str
    release: str
    contracts: dict[str, str]
    plans: dict[str, str]
    policies: dict[str, str]
    schema_digest: str
    author: str
    reason: str = Field(max_length=500)
    at_ms: int
    nonce: str


class SignedRelease(BaseModel):
    """A document, the author's public key (hex) and its signature (hex, 64 bytes) or a passkey's assertion.

    `approvals` are those of further people; each names the digest of the document.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: ReleaseDocument
    public: str = Field(pattern=r"^([0-9a-f]{2})+$")
    signature: str = ""
    assertion: Assertion | None = None
    approvals: tuple[ReleaseApproval, ...] = ()

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        # left out where there are none, so that a release that one person signed is the bytes that it always was
        content: dict[str, JsonValue] = handler(self)
        return content if self.approvals else {name: one for name, one in content.items() if name != "approvals"}

    def approved(self, approval: ReleaseApproval) -> "SignedRelease":
        """The same with one more approval, in place of an earlier one of the same person."""
        others = [one for one in self.approvals if one.document.approver != approval.document.approver]
        return self.model_copy(update={"approvals": (*others, approval)})

    @property
    def keyid(self) -> str:
        """The id of the key that signed."""
        return keyid_of(bytes.fromhex(self.public))


def document_of(release: Release, author: str, reason: str, at_ms: int) -> ReleaseDocument:
    """The document of a release for its author to sign."""
    bundle = release.decider.bundle
    return ReleaseDocument(
        purpose="ailyus-release-v1",
        origin=release.origin,
        release=release.digest,
        contracts={name: program.digest for name, program in release.catalog.programs.items()},
        plans={name: plan.digest for name, plan in release.catalog.plans.items()},
        policies={name: sha256(text.encode()) for name, text in bundle.texts.items()},
        schema_digest=bundle.schema_digest,
        author=author,
        reason=reason,
        at_ms=at_ms,
        nonce=secrets.token_hex(16),
    )


def sign_release(document: ReleaseDocument, key: Ed25519PrivateKey) -> SignedRelease:
    """Sign with a person's private key; the key never leaves the signer's process."""
    public = key.public_key().public_bytes_raw().hex()
    return SignedRelease(document=document, public=public, signature=key.sign(document.message).hex())


def check_signature(signed: SignedRelease, release: Release, key: Key) -> None:
    """Raise `AilyusError` unless this is the word of the key's person on exactly this release."""
    document = signed.document
    # guard: what was signed is released
    if document != document_of(release, document.author, document.reason, document.at_ms).model_copy(
        update={"nonce": document.nonce}
    ):
        raise AilyusError("not_released", "the signed release is not what the files say now")
    refusals = SignatureRefusals(
        (f"the release is signed with a key that is not `{document.author}`'s", ""),
        ("the release is signed with a development key", STRONGER),
        "the signature of the release does not hold",
    )
    signature = PersonSignature(document, signed.signature, signed.assertion)
    check_person(signature, document.author, key, release.development, refusals)


def check_author(author: str, held: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise `no_authority` unless the author holds a role that may release."""
    allowed = sorted(allowed)
    if not allowed:
        hint = 'declare who may release in ailyus.toml: [release] with roles = ["SecurityLead"]'
        raise AilyusError("no_authority", "no role may release", hint=hint)
    if not set(held) & set(allowed):  # guard: roles that release
        sentence = f"`{author}` may not release: {', '.join(allowed)} may"
        raise AilyusError("no_authority", sentence, hint="somebody who holds one of these roles releases it")


def check_results(results: Sequence[Result]) -> None:
    """Raise `tests_failed` unless there are policy tests, and each passes."""
    if not results:
        hint = "write tests into policies/NAME.test.yaml; see policies/README.md"
        raise AilyusError("tests_failed", "a release has policy tests, and here are none", hint=hint)
    failed = [r for r in results if r.failure]
    if failed:
        first = "; ".join(f"`{r.case.name}`: {r.failure}" for r in failed[:_SHOWN])
        more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise AilyusError("tests_failed", f"{len(failed)} of {len(results)} policy tests fail: {first}{more}")


def changed_names(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """The names that came, went and changed between two sets."""
    came, went = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    return came, went, sorted(n for n in after.keys() & before.keys() if after[n] != before[n])
