"""Signed statements: in-toto Statement v1 payloads in DSSE envelopes, with salted commitments instead of data.

The payload is canonical JSON, for example
`{"_type":"https://in-toto.io/Statement/v1","predicate":{…},"predicateType":"https://ailyus.dev/intent/v1",
"subject":[{"digest":{"sha256":"<action digest>"},"name":"act_…"}]}`.
`Notary.seal` signs one about an action, `sign_gateway_statement` one about the gateway, each with facts of
`receipts/statement/predicates.py`. Server code and the registry, controls and roles of this package call them;
`SignedStatement.insert` then belongs into the commit of the change that the statement tells of. What was observed or
sent is evidence, kept beside the log: it can be erased, and the proof still holds.

- Person, record and label of an action MUST stand in a statement only as pseudonyms under the tenant's key.
- Each piece of evidence MUST stand there only as a commitment with a fresh salt.
- The columns that are searched MUST say what the signed body says (`audit` compares them).
- The outcome of an action that was sent MUST say what it does not claim (`LIMITS`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from contracts.action.request import ActionRequest
from contracts.canonical import canonical, commitment, new_salt, pseudonym, sha256
from receipts.action.sentence import ActionSentence
from receipts.log.signing import Envelope, Signer, StatementPayload
from receipts.statement.action_facts import OutcomeFacts
from receipts.statement.facts import ActionFacts, GatewayFacts
from receipts.store.transaction import EVIDENCE, StatementIndex, Txn

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://ailyus.dev/{kind}/v1"
SELF: Final = "without a witness the log is attested by its own operator"
LIMITS: tuple[str, ...] = (
    "the gateway's word is taken for what it observed",
    "the gap between the last check and the first byte is not covered",
    SELF,
)
"""What a receipt does not claim; every outcome says so."""


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with its index row and evidence; where the key is held elsewhere, its commit signs it."""

    index: StatementIndex
    envelope: Envelope | StatementPayload
    evidence: tuple[tuple[str, bytes, bytes], ...]

    def insert(self, txn: Txn) -> int:
        """Write statement, leaf and evidence inside one entry."""
        position = txn.append(self.index, self.envelope)
        txn.write_many(
            EVIDENCE, [(position, label, *self._kept(txn, salt, data)) for label, salt, data in self.evidence]
        )
        return position

    def _kept(self, txn: Txn, salt: bytes, data: bytes) -> tuple[bytes, bytes]:
        """What stands in the row: of an action sealed with its salt, of the gateway itself as it is."""
        index = self.index
        if index.action_id is None:
            return salt, data
        return b"", txn.keys.seal(index.tenant, index.action_id, data, salt)  # guard: evidence is sealed


@dataclass(frozen=True, slots=True)
class StatementSubject:
    """What a statement is about, beside its own facts."""

    request: ActionRequest
    action_id: str
    release: str
    governed: bool
    resource_type: str = ""
    resource_id: str = ""
    label: str | None = None
    indexed: Mapping[str, str] = field(default_factory=dict)
    sentence: ActionSentence | None = None


class Notary:
    """Seals statements with the log's key; personal values leave it only as commitments and tenant pseudonyms."""

    def __init__(self, signer: Signer, origin: str, tenant_key: Callable[[str], bytes]) -> None:
        self._signer = signer
        self._origin = origin
        self.tenant_key = tenant_key

    def seal(
        self,
        facts: ActionFacts,
        receipt_id: str,
        about: StatementSubject,
        *,
        status: str,
        changed: bool | None,
        at_ms: int,
        evidence: Mapping[str, bytes],
    ) -> SignedStatement:
        """Sign a statement about an action; its kind is that of the facts."""
        request, kind = about.request, facts.of_kind
        key = self.tenant_key(request.tenant)
        # what an outcome's intent already holds is not stored twice
        has_intent = isinstance(facts, OutcomeFacts) and bool(facts.intent)
        known = {} if has_intent else _known(about)
        rows, commitments = _commit({**known, **evidence})
        resource, search = _record(key, about)
        person = pseudonym(key, "person", request.person)
        search.append(person)
        predicate: dict[str, JsonValue] = {
            "receipt": receipt_id,
            "kind": kind,
            "status": status,
            "changed": changed,
            "atMs": at_ms,
            "origin": self._origin,
            "tenant": request.tenant,
            "agent": request.agent,
            "person": person,
            "contract": {"id": request.contract, "version": request.version, "digest": request.contract_digest},
            "connection": request.connection,
            "target": request.target_digest,
            "resource": resource,
            "action": about.action_id,
            "release": about.release,
            "governed": about.governed,
            "boundary": request.boundary,
            "search": list(dict.fromkeys(search)),
            "commitments": commitments,
            **facts.said,
        }
        subject: list[JsonValue] = [{"name": about.action_id, "digest": {"sha256": request.action_digest}}]
        envelope = self._signer.prepared(_payload(kind, subject, predicate))
        index = StatementIndex(
            receipt_id,
            kind,
            about.action_id,
            request.tenant,
            request.agent,
            request.contract,
            status,
            changed,
            at_ms,
            tuple(dict.fromkeys(search)),
        )
        return SignedStatement(index, envelope, rows)

    def sign_gateway_statement(
        self,
        facts: GatewayFacts,
        receipt_id: str,
        tenant: str,
        subject: Mapping[str, str],
        at_ms: int,
        evidence: Mapping[str, bytes] = MappingProxyType({}),
        search: tuple[str, ...] = (),
    ) -> SignedStatement:
        """Sign a statement about the gateway itself (a release, a key, an agent); subject is name → SHA-256 hex."""
        kind = facts.of_kind
        rows, commitments = _commit(evidence)
        predicate: dict[str, JsonValue] = {
            "receipt": receipt_id,
            "kind": kind,
            "status": "",
            "changed": None,
            "atMs": at_ms,
            "origin": self._origin,
            "tenant": tenant,
            "agent": "",
            "contract": {"id": ""},
            "action": None,
            "search": list(search),
            "commitments": commitments,
            "about": facts.said,
        }
        subjects: list[JsonValue] = [{"name": n, "digest": {"sha256": d}} for n, d in subject.items()]
        envelope = self._signer.prepared(_payload(kind, subjects, predicate))
        return SignedStatement(
            StatementIndex(receipt_id, kind, None, tenant, "", "", "", None, at_ms, search), envelope, rows
        )

    def pseudonym(self, tenant: str, kind: str, value: str) -> str:
        """The search value of a personal value under its tenant's key."""
        return pseudonym(self.tenant_key(tenant), kind, value)


def _known(about: StatementSubject) -> dict[str, bytes]:
    """What every statement about an action commits to: its parameters, and the sentence that lists show."""
    known = {"params": canonical(dict(about.request.params))}
    if about.sentence is not None:
        known["says"] = about.sentence.packed.encode()  # guard: the sentence is signed
    return known


def key_digest(key: bytes) -> str:
    """The digest of a tenant's key that the log holds; the key has 32 random bytes, which nobody finds by it."""
    return sha256(b"ailyus-tenant-key-v1\n" + key)


def _record(key: bytes, about: StatementSubject) -> tuple[JsonValue, list[str]]:
    """The record as it stands in a statement, and the values by which that is found."""
    # the kind goes into the hash: an e-mail as an input and as a label give two values that nobody without the key
    # can match
    search = [pseudonym(key, f"input.{name}", value) for name, value in about.indexed.items()]
    resource: JsonValue = None
    if about.resource_id:
        resource = {"type": about.resource_type, "id": pseudonym(key, "resource", about.resource_id)}
        search.append(pseudonym(key, "resource", about.resource_id))
    if about.label:
        search.append(pseudonym(key, "label", about.label))
    return resource, search


def _commit(evidence: Mapping[str, bytes]) -> tuple[tuple[tuple[str, bytes, bytes], ...], dict[str, JsonValue]]:
    # a fresh salt for each piece: of two receipts with the same evidence nobody can tell that it is the same
    rows = tuple((label, new_salt(), data) for label, data in evidence.items())
    return rows, {label: commitment(salt, data) for label, salt, data in rows}


def _payload(kind: str, subject: list[JsonValue], predicate: Mapping[str, JsonValue]) -> bytes:
    return canonical(
        {"_type": TYPE, "subject": subject, "predicateType": PREDICATE.format(kind=kind), "predicate": dict(predicate)}
    )
