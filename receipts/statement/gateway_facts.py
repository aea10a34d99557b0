"""The facts of the gateway itself: what the statement of each kind says that is about no action."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from receipts.statement.facts import ClosedModel, Digest, GatewayFacts, Kind, Ms, Pseudonym


class ReleaseApprovalFacts(ClosedModel):
    """Somebody beside the author approved a release, in a role; `signed` is the digest of what they signed."""

    approver: str
    role: str
    keyid: str
    signed: Digest


class ReleaseFacts(GatewayFacts):
    """The set of contracts, policies, schema and connections that decides from now on."""

    of_kind: ClassVar[Kind] = "release"

    release: Digest
    author: str | None
    governed: bool
    contracts: dict[str, str]
    policies: Digest
    schema_: Annotated[Digest, Field(alias="schema")]
    engine: str
    keyid: str = ""
    signed: Digest | None = None
    reason: str = ""
    approvals: tuple[ReleaseApprovalFacts, ...] = ()


class CandidateFacts(GatewayFacts):
    """A signed release was proposed to people, and what they said of it; `after` is the leaf of the live release.

    `signed` is the digest of what was signed: by the author who proposes it, or by who approves or refuses it.
    """

    of_kind: ClassVar[Kind] = "candidate"

    event: Literal["proposed", "approved", "taken_back", "refused", "withdrawn", "applied"]
    candidate: Digest
    release: Digest
    live: Digest
    after: int
    by: str
    role: str = ""
    keyid: str = ""
    signed: Digest | None = None
    comment: str = ""
    expires_ms: int = 0


class ShadowFacts(GatewayFacts):
    """A candidate begins or ends to decide beside the live release; it permits nothing. `name` is what people call it.

    `until_ms` is when it ends by itself, which no statement tells. An end says what came of it: how many decisions it
    made alike, wider and narrower, could not make (`unfit`), and had no time for (`dropped`).
    """

    of_kind: ClassVar[Kind] = "shadow"

    event: Literal["began", "ended"]
    candidate: Digest
    name: str
    live: Digest
    by: str
    until_ms: Ms | None = None
    same: int = 0
    wider: int = 0
    narrower: int = 0
    unfit: int = 0
    dropped: int = 0


class KeyFacts(GatewayFacts):
    """A person's key was linked or revoked."""

    of_kind: ClassVar[Kind] = "key"

    event: Literal["linked", "revoked"]
    keyid: str
    public: str = ""
    key_kind: str = ""
    holder: Pseudonym = ""
    authority: str = ""
    credential: str = ""
    rp_id: str = ""
    origin: str = ""
    last_good_size: int = 0


class AgentFacts(GatewayFacts):
    """An agent was added, promoted, revoked, or taken over from an earlier version."""

    of_kind: ClassVar[Kind] = "agent"

    event: Literal["added", "promoted", "revoked", "adopted"]
    agent: str
    observe_only: bool = False
    registration: Digest | None = None


class HaltFacts(GatewayFacts):
    """Something was halted, or may go on."""

    of_kind: ClassVar[Kind] = "halt"

    event: Literal["halted", "lifted"]
    scope: str
    name: str
    allow_undo: bool
    by: str


class EscalationFacts(GatewayFacts):
    """Somebody was told, nobody could be, or somebody took it on."""

    of_kind: ClassVar[Kind] = "escalation"

    event: str
    escalation: str
    route: str
    of: str
    by: Pseudonym = ""


class StateFacts(GatewayFacts):
    """What was open at a moment."""

    of_kind: ClassVar[Kind] = "state"

    running: int
    waiting: int
    actions: tuple[str, ...]


class AccessFacts(GatewayFacts):
    """Somebody read evidence or a proof."""

    of_kind: ClassVar[Kind] = "access"

    reader: str
    of: str
    label: str


class TenantFacts(GatewayFacts):
    """A tenant has a key, of which the log holds the digest."""

    of_kind: ClassVar[Kind] = "tenant"

    event: Literal["keyed"]
    tenant: str
    key_digest: Digest


class RoleFacts(GatewayFacts):
    """An identity provider told a person's roles."""

    of_kind: ClassVar[Kind] = "role"

    event: Literal["told"]
    holder: Pseudonym
    fact: str


class ClockFacts(GatewayFacts):
    """The store's time was taken back, by a person."""

    of_kind: ClassVar[Kind] = "clock"

    event: Literal["clock"]
    from_: Annotated[int, Field(alias="from")]
    to: int
    by: str
    reason: str


class LossFacts(GatewayFacts):
    """A person accepted what a restored store has lost. `actions` were open in it, and are never sent from it."""

    of_kind: ClassVar[Kind] = "loss"

    event: Literal["accepted"]
    remembered_size: int | None
    remembered_root: str
    restored_size: int
    restored_root: Digest
    by: str
    keyid: str
    signed: Digest
    reason: str
    actions: tuple[str, ...]


class ConnectionFacts(GatewayFacts):
    """A person connected an account to a connection, was refused, or disconnected it.

    `side` is what its tokens are for. `scopes` are those that the authorization server gave, `declared` those that the
    release asks for. `holder` is who uses the account, where each person connects one of their own; `by` is who did it.
    `revoked` says whether the authorization server confirmed that the tokens hold no more (RFC 7009).
    """

    of_kind: ClassVar[Kind] = "connection"

    event: Literal["connected", "refused", "disconnected"]
    connection: str
    target: Digest
    side: Literal["read", "write", "both"]
    account: Pseudonym = ""
    holder: Pseudonym = ""
    by: Pseudonym
    scopes: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    reason: Literal["", "wider_scopes", "missing_scopes", "other_account"] = ""
    revoked: bool | None = None


class ArchiveFacts(GatewayFacts):
    """Closed actions are in a file from now on; the evidence `leaves` says which leaves of the log are."""

    of_kind: ClassVar[Kind] = "archive"

    event: Literal["written"]
    archive: Digest
    name: str
    before_ms: Ms
    actions: int
    statements: int
    first_leaf: int
    last_leaf: int


class ErasureFacts(GatewayFacts):
    """Evidence was erased: of a receipt by its labels, or all that is personal in these actions, with their keys."""

    of_kind: ClassVar[Kind] = "erasure"

    receipt: str = ""
    labels: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    by: str = ""
    reason: str = ""


class RotationFacts(GatewayFacts):
    """One of the gateway's own keys was followed by another: the log's, or the one that seals secrets.

    Of the log's key the former one signs this, and the new one everything after it; the public keys (Ed25519, in hex)
    stand here so that a verifier can go on from the former. A key that seals secrets is named by its id alone.
    """

    of_kind: ClassVar[Kind] = "rotation"

    of: Literal["log", "secrets"]
    keyid: str
    former_keyid: str
    public: str = ""
    former_public: str = ""
    resealed: int = 0
    by: str
    reason: str
