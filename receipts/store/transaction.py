"""A transaction of the store: guarded statements, and the leaves that go with them into the log."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from contracts.errors import AilyusError
from receipts.log.merkle import leaf_hash
from receipts.log.rotation import LogRotation
from receipts.log.signing import Envelope, Signer, StatementPayload
from receipts.log.signing_key import PROBE, SigningKey
from receipts.store.action_keys import ActionKeys
from receipts.store.data_keys import DataKeys
from receipts.store.row import Row, Value

T = TypeVar("T")
SEARCH = "INSERT INTO search VALUES (?, ?)"
EVIDENCE = "INSERT INTO evidence VALUES (?, ?, ?, ?)"
STATEMENTS = (
    "INSERT INTO statements (leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms,"
    " envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Conflict(Exception):
    """A guarded statement met other rows than expected: the world moved on, and nothing was written."""


@dataclass(frozen=True, slots=True)
class StatementIndex:
    """The searchable columns of one statement; `audit` compares them with the signed body."""

    id: str
    kind: str
    action_id: str | None
    tenant: str
    agent: str
    contract: str
    status: str
    changed: bool | None
    at_ms: int
    search: tuple[str, ...] = ()


class Txn(ABC):
    """What one entry may do, all of it or nothing. `control_changes` counts changed halts, epochs and incidents."""

    def __init__(self, signer: Signer, size: int, now_ms: int, clock_ok: bool, keys: DataKeys | None = None) -> None:
        self.keys = ActionKeys(self, keys)
        """Seals what is personal."""
        self.signer = signer
        """Signs what is logged from here on, and the checkpoint of the group."""
        self.rotation: tuple[int, SigningKey, LogRotation] | None = None
        """The leaf that says that the log's key was rotated, and to which."""
        self._own = signer
        self._base = size
        self.leaves: list[bytes] = []
        self.now_ms = now_ms
        self.control_changes = 0
        self._clock_ok = clock_ok

    def write(self, sql: str, *params: Value, rows: int | None = 1) -> int:
        """One guarded statement; another number of rows than expected raises `Conflict`."""
        count = self._count(sql, params)
        if rows is not None and count != rows:
            raise Conflict
        return count

    def write_deferred(self, sql: str, *params: Value) -> None:
        """One guarded statement that changes one row, of the entry's own action: it may wait for the group's end."""
        self.write(sql, *params)

    def assume(self, usual: Row, sql: str, *params: Value) -> Row:
        """The one row of integers that a query gives; or `usual`, for as long as it is not asked yet.

        INVARIANT: an entry that was told `usual` where the truth is otherwise leaves nothing, and is run again with it.
        """
        (row,) = self.query(sql, *params)
        return row

    @abstractmethod
    def write_many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for each of several rows; how many it changed is not asked."""

    @abstractmethod
    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""

    @abstractmethod
    def _count(self, sql: str, params: Sequence[Value]) -> int:
        """Run one statement; how many rows it changed."""

    def probe_signer(self) -> None:
        """See that a signer outside of this process answers. Raises `NoSignature`."""
        if remote := self.signer.remote:
            remote.sign(PROBE)  # guard: a signer that does not answer

    def append(self, index: StatementIndex, statement: Envelope | StatementPayload) -> int:
        """Log a statement; returns its leaf index, which is final only when the entry stays. Raises `NoSignature`."""
        position = self._base + len(self.leaves)
        envelope = self._signed(statement)
        changed = None if index.changed is None else int(index.changed)
        row = (
            position,
            index.id,
            index.kind,
            index.action_id,
            index.tenant,
            index.agent,
            index.contract,
            index.status,
            changed,
            index.at_ms,
            envelope.encoded(),
        )
        self.write_many(STATEMENTS, [row])
        self.write_many(SEARCH, [(value, position) for value in index.search])
        self.leaves.append(leaf_hash(envelope.leaf()))
        return position

    def _signed(self, statement: Envelope | StatementPayload) -> Envelope:
        if isinstance(statement, StatementPayload):
            return self.signer.envelope(statement.payload)
        # it was signed before it came into this group: since then, or in it, the key may have been rotated
        envelope = self._own.renewed(statement)
        if self.signer is not self._own and envelope.keyid == self._own.keyid:
            return self.signer.envelope(envelope.payload)  # guard: statements after a rotation
        return envelope

    def rotate(self, key: SigningKey, rotation: LogRotation) -> None:
        """Right after the statement that says so: another key signs the log. See `receipts/log/log_keys.py`."""
        # a second rotation of one group would be signed by a key that its statement does not name
        if rotation.former.keyid != self.signer.keyid:
            hint = "look at it with `ailyus key list`"
            raise AilyusError("bad_settings", "the log's key was rotated meanwhile", hint=hint)
        self.signer, self.rotation = Signer(key), (self._base + len(self.leaves) - 1, key, rotation)

    def take_back(self, leaves: int) -> None:
        """Forget what an entry logged that failed: keep so many leaves of the group."""
        del self.leaves[leaves:]
        self.keys.take_back()
        if self.rotation is not None and self.rotation[0] - self._base >= leaves:
            self.signer, self.rotation = self._own, None

    def require_clock(self) -> None:
        """Refuse a claim while the clock runs behind the store's last committed time."""
        if not self._clock_ok:  # guard: clock
            raise AilyusError("clock_behind", "the clock is more than 2 s behind the store")


Work = Callable[[Txn], T]
"""What one entry does in a transaction, and what its caller gets of it."""
