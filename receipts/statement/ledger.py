"""What the log says of keys, agents, halts, roles and withdrawn approvals: only their signed statements count.

A row of `keys`, `passkeys`, `agents`, `halts` or `role_facts` is an index to a statement. Whoever can write rows cannot
sign, so a row that no statement vouches for counts for nothing, and one that says less than its statement (a key that
is not revoked any more, a halt that is lifted) changes nothing.

At the start the whole log is read once and compared with its newest signed checkpoint, so that no statement can have
been taken away or put in twice; where it was read to is remembered in `meta`, signed. From then on only new statements
are read, each once.
"""

from collections.abc import Mapping

import orjson
import structlog
from pydantic import JsonValue

from receipts.log.signing import Envelope
from receipts.statement.log_scan import envelope_of, remember, scan
from receipts.statement.words import CONTROL_KINDS, Words
from receipts.store.row import blob, integer
from receipts.store.store import Store

log = structlog.get_logger()
CONTROL = "(kind IN ('key', 'agent', 'halt', 'role', 'tenant') OR status = 'withdrawn')"
"""Which statements are followed, in the words of the index `statements_control`.

A loss is accepted while no gateway runs, so the scan at the start finds it."""
_REMEMBER_EVERY = 2_000
"""How many statements are read again at a start at most, beside those that came since."""
_FOLLOW = f"SELECT leaf_index, envelope FROM statements WHERE leaf_index >= ? AND {CONTROL} ORDER BY leaf_index"


class Ledger(Words):
    """What was read of the log of a running gateway."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.size = 0
        """How many statements of the log were read."""
        self._seen: set[str] = set()
        self._told: set[str] = set()

    async def load(self) -> None:
        """Read the whole log, or what came since it was last read. Raises `store_corrupt`."""
        # aside: the whole log is read here, and the loop must answer meanwhile
        found, kept = await self._store.read_aside(lambda read: scan(read, self._store.signer, self._store.origin))
        for leaf, envelope in found.statements:
            self._take(leaf, envelope)
        self.size = found.frontier.size
        if self.size - kept >= _REMEMBER_EVERY:
            # in the writer, which may wait for a signer outside of this process
            await self._store.write(lambda txn: remember(txn, found.note(txn.signer, self._store.origin)))

    async def follow(self) -> None:
        """Read what was said since."""
        for leaf, envelope in await self._store.read(_FOLLOW, self.size):
            if integer(leaf) < self.size:
                continue  # somebody else read it while this waited
            at, decoded = integer(leaf), envelope_of(blob(envelope))
            # INVARIANT: a statement that our key did not sign, or that was read before, says nothing
            if decoded is None or not await self._is_ours(decoded, at) or not self._take(at, decoded):
                self.tell("statements", str(at))
                continue
            self.size = max(self.size, at + 1)

    async def _is_ours(self, envelope: Envelope, leaf: int) -> bool:
        """Is it signed by a key of the log? Another replica may have rotated that since we last looked."""
        if not self._store.keys.holds(envelope, leaf):
            await self._store.follow_keys()
        return self._store.keys.holds(envelope, leaf)

    def genuine(self, data: bytes, leaf: int) -> Mapping[str, JsonValue] | None:
        """The statement in the envelope at a leaf, where a key of our log signed it there; else None."""
        envelope = envelope_of(data)
        if envelope is None or not self._store.keys.holds(envelope, leaf):
            return None
        statement = orjson.loads(envelope.payload)
        return statement if statement["predicate"]["origin"] == self._store.origin else None

    def tell(self, table: str, row: str) -> None:
        """Say once that a row has no signed statement, and so does not count."""
        # bounded, since whoever writes rows could otherwise fill the memory with them
        if f"{table} {row}" not in self._told and len(self._told) < 10_000:
            self._told.add(f"{table} {row}")
            # which one it is may be a name
            log.warning("row_without_statement", table=table, hint="`ailyus audit` lists what was changed")

    def _take(self, leaf: int, envelope: Envelope) -> bool:
        """False for a statement that was read before, is of another log, or controls nothing."""
        predicate = orjson.loads(envelope.payload)["predicate"]
        if predicate["receipt"] in self._seen or predicate["origin"] != self._store.origin:
            return False
        # INVARIANT: how far the log was read is moved on by nothing that whoever writes rows could put there
        is_withdrawal = (predicate["kind"], predicate["status"]) == ("decision", "withdrawn")
        if predicate["kind"] not in CONTROL_KINDS and not is_withdrawal:
            return False
        self._seen.add(predicate["receipt"])
        self.learn(leaf, predicate)
        return True
