"""The breaker: three strikes in a row halt a contract, a connection or a route."""

from collections.abc import Sequence
from dataclasses import dataclass

from receipts.journal.epoch import bump
from receipts.journal.halt import Halt, insert_halt
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Txn

STREAK = 3
"""Strikes in a row, on one contract or connection, that trip the breaker."""
BREAKER = "breaker"


@dataclass(frozen=True, slots=True)
class Trip:
    """A halt that the breaker would make if this outcome is the third strike in a row, and its signed statement."""

    halt: Halt
    sealed: SignedStatement


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
        # in the commit of the strike itself: of two strikes at once only one sees the third
        if _is_streak(txn, halt) and not live:  # guard: the breaker
            insert_halt(txn, halt)
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
        insert_halt(txn, halt)
        candidate.sealed.insert(txn)
        txn.control_changes += 1
