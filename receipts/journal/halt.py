"""A halt: what it stops, its row, and its signed statement."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from contracts.action.request import ActionRequest
from contracts.canonical import new_id, sha256
from receipts.statement.gateway_facts import HaltFacts
from receipts.statement.statement import Notary, SignedStatement
from receipts.statement.words import LedgerEntry
from receipts.store.row import Row
from receipts.store.transaction import Txn

Scope = Literal["all", "connection", "contract", "agent", "route"]
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


def live_halt(place: tuple[str, str], said: LedgerEntry, row: Row | None) -> Halt:
    """A live halt as its statement has it; its row is believed only in what is shown."""
    allow_undo, by = said.facts.get("allowUndo") is True, said.text("by")
    known = row is not None and (bool(row[3]), str(row[4]), row[6]) == (allow_undo, by, said.at_ms)
    # INVARIANT 8: the reason is not in the statement, so a row that says anything else otherwise is not believed in it
    id_, reason = (str(row[0]), str(row[5])) if row is not None and known else (f"hlt_leaf_{said.leaf}", "")
    return Halt(id_, _SCOPE.validate_python(place[0]), place[1], allow_undo, by, reason, said.at_ms)


def new_halt(scope: Scope, name: str, allow_undo: bool, by: str, reason: str, at_ms: int) -> Halt:
    """A halt that is not committed yet."""
    return Halt(new_id("hlt"), scope, name, allow_undo, by, reason, at_ms)


def halt_statement(notary: Notary, halt: Halt, event: Literal["halted", "lifted"], by: str = "") -> SignedStatement:
    """The signed statement of a halt."""
    subject = {f"{halt.scope}/{halt.name}": sha256(f"{halt.scope}/{halt.name}".encode())}
    facts = HaltFacts(event=event, scope=halt.scope, name=halt.name, allow_undo=halt.allow_undo, by=by or halt.by)
    return notary.sign_gateway_statement(
        facts, new_id("rcp"), "", subject, halt.at_ms, {"reason": halt.reason.encode()}
    )


def insert_halt(txn: Txn, halt: Halt) -> None:
    """Write the row of a halt, in the commit of its statement."""
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
