"""Actions at a stage of their life, rows of them, and a clock that a test sets."""

from dataclasses import dataclass, replace
from typing import Any

from receipts.action.action import Action
from receipts.journal.halt import Scope, halt_statement, new_halt
from receipts.journal.journal import Journal
from receipts.journal.outcome import OutcomeCommit
from receipts.store.row import Row
from receipts.store.sqlite import SqliteStore
from tests.receipts.making import action, intend, seal, told

START_MS = 1_800_000_000_000


@dataclass
class Clock:
    """A store's clock, which goes on only when a test says so."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms


async def ask(journal: Journal, of: Action, expires_ms: int = 2**50) -> Action:
    """The action as it waits for people."""
    sealed = seal(journal, of, "decision", "approval_required")
    await journal.request_approval(of, sealed, b"{}", told("approval_required"), expires_ms)
    return await stored(journal, of)


async def send(journal: Journal, name: str = "r1", **how: Any) -> Action:
    """A new action as it is after the commit of its intent."""
    of = action(name)
    await intend(journal, of, **how)
    return await stored(journal, of)


async def end(journal: Journal, of: Action, **fields: Any) -> None:
    """The outcome of an action under way, with whatever is committed beside it."""
    status = fields.pop("status", "confirmed")
    known: dict[str, Any] = {"status": status, "result": told(status), "held_until_ms": 0}
    await journal.record_outcome(OutcomeCommit(of, seal(journal, of, "outcome", status), **{**known, **fields}))


async def stored(journal: Journal, of: Action) -> Action:
    """An action as the store has it, with what only its process knows."""
    found = await journal.get(of.id)
    assert found is not None
    return replace(found, step=of.step)


async def rows(journal: Journal, columns: str, table: str) -> list[Row]:
    """All rows of a table as they lie there: in a file by when they came, in a database by when they last changed."""
    order = "rowid" if isinstance(journal.store, SqliteStore) else "ctid"
    return await journal.store.read(f"SELECT {columns} FROM {table} ORDER BY {order}")


async def halt(journal: Journal, scope: Scope, name: str, *, allow_undo: bool = False, by: str = "lead") -> None:
    """A halt by a person, committed with its statement."""
    made = new_halt(scope, name, allow_undo, by, "an incident", journal.store.now_ms())
    await journal.controls.halt(made, halt_statement(journal.notary, made, "halted"))
