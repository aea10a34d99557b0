"""What the log says of keys, agents, halts, roles and withdrawn approvals: only their signed statements count.

A row of `keys`, `passkeys`, `agents`, `halts` or `role_facts` is an index to a statement. Whoever can write rows cannot
sign, so a row that no statement vouches for counts for nothing, and one that says less than its statement (a key that
is not revoked any more, a halt that is lifted) changes nothing.

At the start the whole log is read once and compared with its newest signed checkpoint, so that no statement can have
been taken away or put in twice; where it was read to is remembered in `meta`, signed. From then on only new statements
are read, each once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import orjson
import structlog
from pydantic import JsonValue, ValidationError

from contracts.action.request import ActionRequest
from contracts.canonical import digest, pseudonym
from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.principal import Key, Passkey, key_kind, keyid_of
from receipts.log.merkle import Checkpoint, Frontier, leaf_hash
from receipts.log.signing import Envelope, Signer, open_note
from receipts.store.log_tables import NEWEST, nodes_by
from receipts.store.row import Read, Row, blob, integer
from receipts.store.store import Store
from receipts.store.transaction import Txn

log = structlog.get_logger()
CONTROL = "(kind IN ('key', 'agent', 'halt', 'role', 'tenant') OR status = 'withdrawn')"
"""Which statements are read, in the words of the index `statements_control`."""
_KINDS = ("key", "agent", "halt", "role", "tenant")
_MARKS = (*(f'"kind":"{kind}"'.encode() for kind in _KINDS), b'"status":"withdrawn"')
_BATCH = 500
_REMEMBER_EVERY = 2_000
"""How many statements are read again at a start at most, beside those that came since."""
_SCAN = (
    f"SELECT s.leaf_index, s.envelope FROM statements AS s WHERE s.leaf_index >= ? ORDER BY s.leaf_index LIMIT {_BATCH}"
)
_FOLLOW = f"SELECT leaf_index, envelope FROM statements WHERE leaf_index >= ? AND {CONTROL} ORDER BY leaf_index"
_CHANGED = "the statements are not those that the newest checkpoint was signed over"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The newest statement about one thing: its leaf, its own facts, and the tenant that it is of."""

    leaf: int
    event: str
    tenant: str
    at_ms: int
    facts: Mapping[str, JsonValue]

    def text(self, name: str) -> str:
        """One fact as text, '' when it is not there."""
        value = self.facts.get(name)
        return value if isinstance(value, str) else ""


class Words:
    """The newest word about every key, agent, halt, tenant and told role, and every approval that was taken back."""

    def __init__(self) -> None:
        self.keys: dict[str, LedgerEntry] = {}
        self.agents: dict[str, LedgerEntry] = {}
        self.halts: dict[tuple[str, str], LedgerEntry] = {}
        self.roles: dict[str, LedgerEntry] = {}
        self.tenants: dict[str, str] = {}
        self.withdrawn: set[str] = set()

    def learn(self, leaf: int, predicate: Mapping[str, JsonValue]) -> None:
        """Take in a statement whose signature was checked; one that controls nothing says nothing here."""
        kind, about, at_ms = predicate["kind"], predicate.get("about"), predicate["atMs"]
        if predicate["status"] == "withdrawn" and kind == "decision":
            self.withdrawn.add(str(predicate["approval"]))
        elif kind in _KINDS and isinstance(about, dict) and isinstance(at_ms, int):
            self._file(
                str(kind), LedgerEntry(leaf, str(about.get("event", "")), str(predicate["tenant"]), at_ms, about)
            )

    def _file(self, kind: str, said: LedgerEntry) -> None:
        if kind == "key":
            _over(self.keys, said.text("keyid"), said)
        elif kind == "agent":
            _over(self.agents, said.text("agent"), said)
        elif kind == "halt":
            self.halts[said.text("scope"), said.text("name")] = said
        elif kind == "role":
            self.roles[said.text("holder")] = said
        else:
            self.tenants[said.text("tenant")] = said.text("keyDigest")


def _over(known: dict[str, LedgerEntry], name: str, said: LedgerEntry) -> None:
    """What a later statement does not repeat is what the earlier one said."""
    earlier = known.get(name)
    known[name] = replace(said, facts={**earlier.facts, **said.facts}) if earlier else said


class Ledger(Words):
    """What was read of the log of a running gateway."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._public = {store.signer.keyid: store.signer.public}
        self.size = 0
        """How many statements of the log were read."""
        self._seen: set[str] = set()
        self._told: set[str] = set()

    async def load(self) -> None:
        """Read the whole log, or what came since it was last read. Raises `store_corrupt`."""
        found, kept = await self._store.read_aside(lambda read: scan(read, self._store.signer, self._store.origin))
        for leaf, envelope in found.statements:
            self._take(leaf, envelope)
        self.size = found.frontier.size
        if self.size - kept >= _REMEMBER_EVERY:
            note = found.note(self._store.signer, self._store.origin)
            await self._store.write(lambda txn: _remember(txn, note))

    async def follow(self) -> None:
        """Read what was said since."""
        for leaf, envelope in await self._store.read(_FOLLOW, self.size):
            if integer(leaf) < self.size:
                continue  # somebody else read it while this waited
            decoded = _decoded(blob(envelope))
            # INVARIANT: a statement that our key did not sign, or that was read before, says nothing
            if decoded is None or not decoded.holds(self._public) or not self._take(integer(leaf), decoded):
                self.tell("statements", str(leaf))
                continue
            self.size = max(self.size, integer(leaf) + 1)

    def genuine(self, data: bytes) -> Mapping[str, JsonValue] | None:
        """The statement in an envelope, where our own key signed it for this log; else None."""
        envelope = _decoded(data)
        if envelope is None or not envelope.holds(self._public):
            return None
        statement = orjson.loads(envelope.payload)
        return statement if statement["predicate"]["origin"] == self._store.origin else None

    def tell(self, table: str, row: str) -> None:
        """Say once that a row has no signed statement, and so does not count."""
        if f"{table} {row}" not in self._told and len(self._told) < 10_000:
            self._told.add(f"{table} {row}")
            log.warning("row_without_statement", table=table, row=row, hint="`ailyus audit` lists what was changed")

    def _take(self, leaf: int, envelope: Envelope) -> bool:
        """False for a statement that was read before, is of another log, or controls nothing."""
        predicate = orjson.loads(envelope.payload)["predicate"]
        if predicate["receipt"] in self._seen or predicate["origin"] != self._store.origin:
            return False
        # INVARIANT: how far the log was read is moved on by nothing that whoever writes rows could put there
        if predicate["kind"] not in _KINDS and (predicate["kind"], predicate["status"]) != ("decision", "withdrawn"):
            return False
        self._seen.add(predicate["receipt"])
        self.learn(leaf, predicate)
        return True


@dataclass(frozen=True, slots=True)
class Scanned:
    """The log as far as it was read: its frontier, and every statement of it that controls something."""

    frontier: Frontier
    statements: tuple[tuple[int, Envelope], ...]

    def note(self, signer: Signer, origin: str) -> str:
        """What was read, signed: origin, size and root, then leaf and leaf hash of each statement."""
        lines = [_name(origin), f"{self.frontier.size} {self.frontier.root().hex()}"]
        lines += [f"{leaf} {leaf_hash(envelope.leaf()).hex()}" for leaf, envelope in self.statements]
        return signer.note(_name(origin), "\n".join(lines) + "\n")


def scan(read: Read, signer: Signer, origin: str) -> tuple[Scanned, int]:
    """Every statement that controls something, and how far an earlier start had read. Raises `store_corrupt`.

    INVARIANT: what is read is whole: its root is the one that our own key signed.
    """
    notes = read(NEWEST)
    if not notes:
        if read("SELECT 1 FROM statements LIMIT 1"):
            raise _corrupt("the log has statements and no checkpoint")
        return Scanned(Frontier(0, []), ()), 0
    end = Checkpoint.parse(open_note(str(notes[0][0]), origin, signer.public))
    known = _remembered(read, signer, origin)
    kept = known.frontier.size
    frontier, statements = known.frontier, list(known.statements)
    for leaf, envelope in _statements(read, kept):
        if leaf != frontier.size or leaf >= end.size:
            raise _corrupt(_CHANGED)
        frontier.append(leaf_hash(envelope.leaf()))
        if any(mark in envelope.payload for mark in _MARKS):
            statements.append((leaf, envelope))
    if (frontier.size, frontier.root()) != (end.size, end.root):  # guard: a start reads the whole log
        raise _corrupt(_CHANGED)
    return Scanned(frontier, tuple(statements)), kept


def _statements(read: Read, start: int) -> Iterator[tuple[int, Envelope]]:
    while rows := read(_SCAN, start):
        for leaf, data in rows:
            envelope = _decoded(blob(data))
            if envelope is None:
                raise _corrupt(_CHANGED)
            yield integer(leaf), envelope
        start = integer(rows[-1][0]) + 1


def _remembered(read: Read, signer: Signer, origin: str) -> Scanned:
    """What an earlier start read, where that is signed, still there, and the beginning of this log; else nothing."""
    nothing = Scanned(Frontier(0, []), ())
    rows = read("SELECT value FROM meta WHERE key = 'ledger'")
    try:
        _, head, *lines = open_note(str(rows[0][0]), _name(origin), signer.public).splitlines() if rows else ("", "")
        if not rows:
            return nothing
        size, root = head.split()
        frontier = Frontier.of(int(size), nodes_by(read))
        if frontier.root().hex() != root:
            return nothing
        statements = []
        for line in lines:
            leaf, hashed = line.split()
            ((data,),) = read("SELECT envelope FROM statements WHERE leaf_index = ?", int(leaf))
            envelope = Envelope.decode(blob(data))
            if leaf_hash(envelope.leaf()).hex() != hashed:
                return nothing
            statements.append((int(leaf), envelope))
    except (AilyusError, ValueError):
        return nothing  # then the whole log says what there is
    return Scanned(frontier, tuple(statements))


def _remember(txn: Txn, note: str) -> None:
    sql = "INSERT INTO meta VALUES ('ledger', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    txn.write(sql, note)


def _name(origin: str) -> str:
    return f"{origin}/ledger"


def _decoded(data: bytes) -> Envelope | None:
    try:
        return Envelope.decode(data)
    except AilyusError:
        return None


def _corrupt(sentence: str) -> AilyusError:
    return AilyusError("store_corrupt", sentence, hint="`ailyus audit` lists what was changed")


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


AGENT = "SELECT name, tenant, owner, person, roles, observe_only, revoked, token_hash FROM agents"
KEY = "k.keyid, k.public, k.person, k.kind, k.revoked, p.credential, p.rp_id, p.origin"
"""Columns of keys AS k and passkeys AS p, as `key_of` reads them."""


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
