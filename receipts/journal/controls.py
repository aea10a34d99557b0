"""Halts, the breaker and open incidents: what stops an action although policies permit it.

One control epoch covers releases, revocations and halts. Every intent is compared with it in its own transaction, and
every order again before its first byte. Where replicas share a store, an order leaves only while it is less than a
second ago that this one read which epoch is the live one.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from contracts.action.request import ActionRequest
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.statement.gateway_facts import HaltFacts
from receipts.statement.ledger import Ledger
from receipts.statement.statement import Notary, SignedStatement
from receipts.statement.words import LedgerEntry
from receipts.store.row import Row
from receipts.store.store import Store
from receipts.store.transaction import Txn

Scope = Literal["all", "connection", "contract", "agent", "route"]
FRESH_SECONDS = 1.0
"""How old what is known of the epoch may be when an order leaves: the longest that a halt may take to reach it."""
STREAK = 3
"""Strikes in a row, on one contract or connection, that trip the breaker."""
BREAKER = "breaker"
_SCOPE: TypeAdapter[Scope] = TypeAdapter(Scope)


@dataclass(frozen=True, slots=True)
class Halt:
    """One stop: of everything, a connection, a contract, an agent, or one route of a contract at a connection.

    `by` is a person, or the breaker. A halted route stops nothing else: the next one is taken.
    """

    id: str
    scope: Scope
    name: str
    allow_undo: bool
    by: str
    reason: str
    at_ms: int

    def covers(self, request: ActionRequest, undo: bool) -> bool:
        """Does it stop this request?"""
        if self.scope == "route" or (undo and self.allow_undo):
            return False
        named = {"connection": request.connection, "contract": request.contract, "agent": request.agent}
        return self.scope == "all" or named[self.scope] == self.name


@dataclass(frozen=True, slots=True)
class Trip:
    """A halt that the breaker would make if this outcome is the third strike in a row, and its signed statement."""

    halt: Halt
    sealed: SignedStatement


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
        self._begun: set[tuple[Scope, str]] = set()
        """Halts that are being written: they have a row, and a statement that is not read yet."""

    async def refresh(self) -> None:
        """Read again what is committed."""
        await self.look(everything=True)

    async def look(self, *, everything: bool = False) -> bool:
        """Read the epoch, and the rest when it moved. True when it did."""
        at = time.monotonic()
        meta = await self._store.read("SELECT key, value FROM meta WHERE key IN ('epoch', 'release')")
        known = {str(key): str(value) for key, value in meta}
        epoch = int(known.get("epoch", 0))
        moved = epoch > self.epoch
        # INVARIANT: the epoch is read before what it covers: what comes in between is read again with the next one
        if moved or everything:
            await self._read_halts()
        self.epoch, self.live, self._read_at = max(self.epoch, epoch), known.get("release", ""), at
        return moved

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
            _halt(place, said, by_place.get(place))
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
            _insert(txn, halt)
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
                raise AilyusError("not_found", f"`{scope} {name}` is not halted", hint="`ailyus halts`")
            sealed.insert(txn)
            return bump(txn)

        self.epoch = await self._store.write(work)
        await self.refresh()


def _halt(place: tuple[str, str], said: LedgerEntry, row: Row | None) -> Halt:
    """A live halt as its statement has it; its row is believed only in what is shown."""
    allow_undo, by = said.facts.get("allowUndo") is True, said.text("by")
    known = row is not None and (bool(row[3]), str(row[4]), row[6]) == (allow_undo, by, said.at_ms)
    id_, reason = (str(row[0]), str(row[5])) if row is not None and known else (f"hlt_leaf_{said.leaf}", "")
    return Halt(id_, _SCOPE.validate_python(place[0]), place[1], allow_undo, by, reason, said.at_ms)


def bump(txn: Txn) -> int:
    """The next control epoch, committed with whatever made it necessary."""
    rows = txn.query("SELECT value FROM meta WHERE key = 'epoch'")
    epoch = int(str(rows[0][0])) + 1 if rows else 1
    txn.write("INSERT INTO meta VALUES ('epoch', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", str(epoch))
    txn.control_changes += 1
    return epoch


def _is_streak(txn: Txn, halt: Halt) -> bool:
    """Were the last actions of this contract or connection all strikes, as many as trip the breaker?"""
    column = "contract" if halt.scope == "contract" else "connection"
    rows = txn.query(
        f"SELECT strike FROM actions WHERE {column} = ?1 AND sent_ms > 0 AND state = 'ended' AND plan IS NULL"
        " AND updated_ms > coalesce((SELECT max(lifted_ms) FROM halts WHERE scope = ?2 AND name = ?1), 0)"
        " ORDER BY updated_ms DESC, rowid DESC LIMIT ?3",
        halt.name,
        halt.scope,
        STREAK,
    )
    return len(rows) == STREAK and all(r[0] for r in rows)


def trip(txn: Txn, trips: Sequence[Trip]) -> bool:
    """Inside the commit of a strike: halt what has now the third in a row since it was last lifted."""
    tripped = False
    for candidate in trips:
        halt = candidate.halt
        live = txn.query(
            "SELECT 1 FROM halts WHERE scope = ? AND name = ? AND lifted_ms IS NULL", halt.scope, halt.name
        )
        if _is_streak(txn, halt) and not live:  # guard: the breaker
            _insert(txn, halt)
            candidate.sealed.insert(txn)
            bump(txn)
            tripped = True
    return tripped


def untrip(txn: Txn, lifts: Sequence[Trip]) -> None:
    """Inside a commit that took a strike back: lift the breaker's halts that stand on no streak any more."""
    for lift in lifts:
        halt = lift.halt
        if _is_streak(txn, halt):
            continue
        changed = txn.query(
            "SELECT 1 FROM halts WHERE scope = ? AND name = ? AND by = ? AND lifted_ms IS NULL",
            halt.scope,
            halt.name,
            BREAKER,
        )
        if not changed:
            continue
        txn.write(
            "UPDATE halts SET lifted_ms = ? WHERE scope = ? AND name = ? AND by = ? AND lifted_ms IS NULL",
            txn.now_ms,
            halt.scope,
            halt.name,
            BREAKER,
        )
        lift.sealed.insert(txn)
        bump(txn)


def trip_route(txn: Txn, candidate: Trip) -> None:
    """Inside the commit of a failed attempt: close its route when it is the third in a row since it was last lifted.

    The epoch stays: a halted route forbids nothing, it is only not chosen.
    """
    halt = candidate.halt
    rows = txn.query(
        "SELECT state FROM intents WHERE via = ?1 AND deadline_ms >"
        " coalesce((SELECT max(lifted_ms) FROM halts WHERE scope = 'route' AND name = ?1), 0)"
        " AND state <> 'intent' ORDER BY deadline_ms DESC, rowid DESC LIMIT ?2",
        halt.name,
        STREAK,
    )
    live = txn.query("SELECT 1 FROM halts WHERE scope = 'route' AND name = ? AND lifted_ms IS NULL", halt.name)
    if len(rows) == STREAK and all(r[0] == "failed" for r in rows) and not live:
        _insert(txn, halt)
        candidate.sealed.insert(txn)
        txn.control_changes += 1


def new_halt(scope: Scope, name: str, allow_undo: bool, by: str, reason: str, at_ms: int) -> Halt:
    """A halt that is not committed yet."""
    return Halt(new_id("hlt"), scope, name, allow_undo, by, reason, at_ms)


def halt_statement(notary: Notary, halt: Halt, event: Literal["halted", "lifted"], by: str = "") -> SignedStatement:
    """The signed statement of a halt."""
    subject = {f"{halt.scope}/{halt.name}": sha256(f"{halt.scope}/{halt.name}".encode())}
    facts = HaltFacts(event=event, scope=halt.scope, name=halt.name, allow_undo=halt.allow_undo, by=by or halt.by)
    return notary.seal_plain(facts, new_id("rcp"), "", subject, halt.at_ms, {"reason": halt.reason.encode()})


def _insert(txn: Txn, halt: Halt) -> None:
    txn.write(
        "INSERT INTO halts VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        halt.id,
        halt.scope,
        halt.name,
        int(halt.allow_undo),
        halt.by,
        halt.reason,
        halt.at_ms,
    )
