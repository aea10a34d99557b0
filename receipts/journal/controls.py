"""The controls: halts and open incidents, which stop an action although policies permit it.

One control epoch covers releases, revocations and halts. Every intent is compared with it in its own transaction, and
every order again before its first byte. Where replicas share a store, an order leaves only while it is less than a
second ago that this one read which epoch is the live one.
"""

import asyncio
import contextlib
import time

from contracts.action.request import ActionRequest
from contracts.errors import AilyusError
from receipts.journal.epoch import bump
from receipts.journal.halt import Halt, Scope, insert_halt, live_halt
from receipts.statement.ledger import Ledger
from receipts.statement.statement import SignedStatement
from receipts.store.store import Store
from receipts.store.transaction import Txn

FRESH_SECONDS = 1.0
"""How old what is known of the epoch may be when an order leaves: the longest that a halt may take to reach it."""


class Controls:
    """The live halts, the epoch and the open incidents, as last committed."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self.ledger = ledger
        self.epoch = 0
        self.live = ""
        """The digest of the live release, as last read."""
        self._read_at = 0.0
        self._halts: tuple[Halt, ...] = ()
        self._incidents: set[str] = set()
        self._moved = asyncio.Event()
        self._begun: set[tuple[Scope, str]] = set()
        """Halts that are being written: they have a row, and a statement that is not read yet."""

    async def refresh(self) -> None:
        """Read again what is committed."""
        await self.look(everything=True)

    async def look(self, *, everything: bool = False) -> bool:
        """Read the epoch, and the rest when it moved. True when it did."""
        at = time.monotonic()
        meta = await self._store.read("SELECT key, value FROM meta WHERE key IN ('epoch', 'release', 'log_key')")
        known = {str(key): str(value) for key, value in meta}
        # INVARIANT: the keys of the log are read before what they sign: no halt is passed over for want of its key
        if known.get("log_key", self._store.keys.newest.keyid) != self._store.keys.newest.keyid:
            await self._store.follow_keys()
        epoch = int(known.get("epoch", 0))
        moved = epoch > self.epoch
        # INVARIANT: the epoch is read before what it covers: what comes in between is read again with the next one
        if moved or everything:
            await self._read_halts()
        if epoch >= self.epoch:  # each release moves the epoch: what was read before the last one is not live any more
            self.live = known.get("release", "")
        self.epoch, self._read_at = max(self.epoch, epoch), at
        if moved:
            self._moved.set()
            self._moved = asyncio.Event()
        return moved

    async def moved(self, since: int, seconds: float) -> None:
        """Wait until another replica has moved the epoch on from this one, at most so long."""
        if self.epoch > since:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    async def _read_halts(self) -> None:
        await self.ledger.follow()
        rows = await self._store.read(
            "SELECT id, scope, name, allow_undo, by, reason, at_ms FROM halts WHERE lifted_ms IS NULL"
        )
        by_place = {(str(r[1]), str(r[2])): r for r in rows}
        for place in by_place.keys() - {place for place, said in self.ledger.halts.items() if said.event == "halted"}:
            self.ledger.tell("halts", " ".join(place))
        # INVARIANT: what is halted is what the log says; a row only adds its id and its reason
        live = [
            live_halt(place, said, by_place.get(place))
            for place, said in self.ledger.halts.items()
            if said.event == "halted"  # guard: halts count by their statement
        ]
        self._halts = tuple(sorted(live, key=lambda halt: halt.at_ms))
        rows = await self._store.read("SELECT resource FROM incidents WHERE resolved_ms IS NULL")
        self._incidents = {str(r[0]) for r in rows}

    @property
    def is_fresh(self) -> bool:
        """Is the epoch surely the live one, but for the last second?"""
        return not self._store.shared or time.monotonic() - self._read_at <= FRESH_SECONDS

    @property
    def unseen_seconds(self) -> float:
        """How long ago the epoch was read."""
        return time.monotonic() - self._read_at

    @property
    def halts(self) -> tuple[Halt, ...]:
        """Every live halt, oldest first."""
        return self._halts

    def halted(self, request: ActionRequest, undo: bool = False) -> Halt | None:
        """The halt that stops a request, if there is one."""
        return next((h for h in self._halts if h.covers(request, undo)), None)

    def is_route_halted(self, name: str) -> bool:
        """Is the breaker of this route open?"""
        return any(h.scope == "route" and h.name == name for h in self._halts)

    def has_incident(self, resource: str) -> bool:
        """Is an unknown or diverged outcome on this resource (a pseudonym) unresolved?"""
        return resource in self._incidents

    async def has_open_incident(self, resource: str) -> bool:
        """Is it unresolved now? Read again before a yes: whoever saw it settled a moment ago may act at once."""
        if not self.has_incident(resource):
            return False
        await self.refresh()
        return self.has_incident(resource)

    def _is_live(self, scope: str, name: str) -> bool:
        said = self.ledger.halts.get((scope, name))
        return said is not None and said.event == "halted"

    async def halt(self, halt: Halt, sealed: SignedStatement) -> None:
        """Stop from now on; raises when the same is halted already."""
        place, mine = (halt.scope, halt.name), False

        def work(txn: Txn) -> int:
            nonlocal mine
            where = "scope = ? AND name = ? AND lifted_ms IS NULL"
            # a row without a statement stands in nobody's way; one of this very group gets its statement with it
            if place not in self._begun and not self._is_live(*place):
                txn.write(f"DELETE FROM halts WHERE {where}", halt.scope, halt.name, rows=None)
            if txn.query(f"SELECT 1 FROM halts WHERE {where}", halt.scope, halt.name):
                raise AilyusError("bad_settings", f"`{halt.scope} {halt.name}` is halted already", hint="nothing to do")
            insert_halt(txn, halt)
            sealed.insert(txn)
            self._begun.add(place)
            mine = True
            return bump(txn)

        try:
            # INVARIANT: nobody decides under the old epoch while the halt is being written
            self.epoch = await self._store.write(work)
            await self.refresh()
        finally:
            if mine:
                self._begun.discard(place)

    async def unhalt(self, scope: Scope, name: str, sealed: SignedStatement) -> None:
        """Lift a halt; raises `not_found` when there is none."""

        def work(txn: Txn) -> int:
            lifted = txn.write(
                "UPDATE halts SET lifted_ms = ? WHERE scope = ? AND name = ? AND lifted_ms IS NULL",
                txn.now_ms,
                scope,
                name,
                rows=None,
            )
            # a halt whose row was taken away is lifted by its statement alone
            if not lifted and not self._is_live(scope, name):
                raise AilyusError("not_found", f"`{scope} {name}` is not halted", hint="`ailyus halt list`")
            sealed.insert(txn)
            return bump(txn)

        self.epoch = await self._store.write(work)
        await self.refresh()
