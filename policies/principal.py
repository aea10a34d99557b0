"""People and their keys: who may ask, who may approve, and with what they sign."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter

KeyKind = Literal["passkey", "file", "development"]
_KEY_KIND: TypeAdapter[KeyKind] = TypeAdapter(KeyKind)


@dataclass(frozen=True, slots=True)
class Passkey:
    """Where a passkey answers: its credential id (base64url), the RP id and the origin of the console."""

    credential: str
    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Key:
    """A registered public key and the person it is linked to: 32 raw bytes of Ed25519, or a passkey's COSE key.

    `keyid` is the first 16 bytes of SHA-256 over the public key's bytes, as hex.
    """

    keyid: str
    public: bytes
    person: str
    kind: KeyKind
    # kept and not deleted: older receipts are verified with it
    revoked: bool = False
    passkey: Passkey | None = None


@dataclass(frozen=True, slots=True)
class PersonAttributes:
    """What policies know of a person beside tenant and roles. What is empty is not declared, and absent in Cedar."""

    team: str = ""
    manager: str = ""
    region: str = ""
    employment: str = ""
    on_call: bool = False

    @property
    def declared(self) -> dict[str, str | bool]:
        """What is declared, by the name that Cedar knows it by."""
        texts = {name: getattr(self, name) for name in ("team", "manager", "region", "employment")}
        return {**{name: text for name, text in texts.items() if text}, **({"onCall": True} if self.on_call else {})}


NO_ATTRIBUTES = PersonAttributes()


@dataclass(frozen=True, slots=True)
class Person:
    """One human, by (issuer, subject). Tenant and roles are facts of the release, never of an agent's token.

    With `[console.oidc]` the roles are what the identity provider tells (`receipts.journal.roles`).
    """

    name: str
    issuer: str
    subject: str
    tenant: str
    roles: frozenset[str]
    attributes: PersonAttributes = NO_ATTRIBUTES


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who is declared."""

    by_name: Mapping[str, Person] = field(default_factory=dict)

    def get(self, name: str) -> Person | None:
        """The person of that name, if declared."""
        return self.by_name.get(name)

    def of(self, issuer: str, subject: str) -> Person | None:
        """Whom an issuer means by a subject, if declared."""
        # by both: a subject means somebody else at another issuer
        return next((p for p in self.by_name.values() if (p.issuer, p.subject) == (issuer, subject)), None)


def key_kind(value: object) -> KeyKind:
    """A stored kind of key; anything else raises."""
    return _KEY_KIND.validate_python(value)


def keyid_of(public: bytes) -> str:
    """The stable id of a public key: raw Ed25519, or COSE for a passkey."""
    return hashlib.sha256(public).hexdigest()[:32]
