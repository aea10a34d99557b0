"""The signatures of a log's releases: of each author, and of each person who approved, verified again.

One walk over the log calls it for every statement in order, so that a key counts as it was known there. An author's
first key is linked by the release that it signs, directly after it: then the key that is beside the signature counts.
"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue, ValidationError

from contracts.canonical import pseudonym
from contracts.errors import AilyusError
from policies.principal import Key, Passkey, key_kind, keyid_of
from policies.release_approval import CandidateApprovalDocument, ReleaseApproval, ReleaseSubject, check_word
from policies.signature import verify_signature
from policies.signed_release import SignedRelease
from receipts.statement.candidates import APPROVAL
from receipts.statement.releases import SIGNED
from receipts.statement.words import LedgerEntry

Predicate = Mapping[str, JsonValue]


class ReleaseSignatures:
    """What is wrong with the signatures of releases, statement by statement."""

    def __init__(self, keys: Mapping[str, LedgerEntry], tenants: Mapping[str, bytes]) -> None:
        self._keys = keys
        self._tenants = tenants
        self._live = ("", -1)
        """The digest of the last release, and the leaf of its statement."""

    def findings(self, leaf: int, predicate: Predicate, evidence: Mapping[str, bytes]) -> Iterator[str]:
        """What is found at one statement whose own signature holds; evidence that is missing is told elsewhere."""
        kind, about, receipt = predicate["kind"], predicate.get("about"), str(predicate["receipt"])
        if not isinstance(about, dict) or kind not in ("release", "candidate"):
            return
        try:
            if kind == "candidate" and APPROVAL in evidence:
                yield from self._word(receipt, about, ReleaseApproval.model_validate_json(evidence[APPROVAL]))
            elif kind == "release" and SIGNED in evidence:
                signed = SignedRelease.model_validate_json(evidence[SIGNED])
                yield from self._release(receipt, predicate, about, signed)
        except ValidationError:
            yield f"what people signed in `{receipt}` cannot be read"
        if kind == "release":
            self._live = str(about.get("release")), leaf

    def _release(
        self, receipt: str, predicate: Predicate, about: Mapping[str, JsonValue], signed: SignedRelease
    ) -> Iterator[str]:
        word, author = signed.document, signed.document.author
        stated = {"release": word.release, "author": author, "keyid": signed.keyid, "signed": word.digest}
        # an earlier version did not say all of it
        if any(about.get(name, value) != value for name, value in stated.items()):
            yield f"the signature of `{author}` in `{receipt}` is under another release"
        key = self._key(signed.keyid, author) if signed.keyid in self._keys else _first(signed)
        holds = key is not None and verify_signature(signed.signature, signed.assertion, word.message, word.digest, key)
        if key is None or key.revoked or not holds:  # guard: the author's signature in the log
            yield f"the signature of `{author}` under the release in `{receipt}` does not hold"
        told = about.get("approvals", [])
        given = [
            {"approver": a.document.approver, "role": a.document.role, "keyid": a.keyid, "signed": a.document.digest}
            for a in signed.approvals
        ]
        if told != given:
            yield f"the approvals of the release in `{receipt}` are not those that its statement names"
        at_ms = predicate["atMs"]
        for approval in signed.approvals:
            document = approval.document
            candidate = document.candidate if isinstance(document, CandidateApprovalDocument) else ""
            subject = ReleaseSubject(word.origin, word.digest, candidate, *self._live)
            approves = not isinstance(document, CandidateApprovalDocument) or document.verdict == "approve"
            made_ms = at_ms if isinstance(at_ms, int) else 0
            # guard: approvals of a release in the log
            if document.approver == author or not approves or not self._holds(approval, subject, made_ms):
                yield f"the approval of `{document.approver}` of the release in `{receipt}` does not hold"

    def _word(self, receipt: str, about: Mapping[str, JsonValue], approval: ReleaseApproval) -> Iterator[str]:
        """What somebody said of a candidate."""
        document = approval.document
        named = tuple(about.get(name) for name in ("by", "role", "keyid", "signed"))
        said = (document.approver, document.role, approval.keyid, document.digest)
        key = self._key(approval.keyid, document.approver)
        holds = key is not None and verify_signature(
            approval.signature, approval.assertion, document.message, document.digest, key
        )
        if named != said or not holds:
            yield f"the word of `{document.approver}` in `{receipt}` does not hold"

    def _holds(self, approval: ReleaseApproval, subject: ReleaseSubject, at_ms: int) -> bool:
        key = self._key(approval.keyid, approval.document.approver)
        if key is None:
            return False
        try:
            check_word(approval, subject, key, at_ms, development=True)
        except AilyusError:
            return False
        return True

    def _key(self, keyid: str, person: str) -> Key | None:
        """A key as the log knows it by now, where it is this person's."""
        said = self._keys.get(keyid)
        tenant = self._tenants.get(said.tenant) if said is not None else None
        if said is None or tenant is None or said.text("holder") != pseudonym(tenant, "person", person):
            return None
        try:
            public, kind = bytes.fromhex(said.text("public")), key_kind(said.text("keyKind"))
        except ValueError:
            return None
        place = Passkey(said.text("credential"), said.text("rpId"), said.text("origin"))
        if keyid_of(public) != keyid:
            return None
        return Key(keyid, public, person, kind, said.event != "linked", place if kind == "passkey" else None)


def _first(signed: SignedRelease) -> Key:
    return Key(signed.keyid, bytes.fromhex(signed.public), signed.document.author, "file")
