"""The vocabulary of a question: the agents, contracts, statuses and kinds that a store knows."""

from collections.abc import Sequence
from typing import Literal, get_args

from contracts.errors import AilyusError
from receipts.action.status import Status
from receipts.statement.facts import Kind
from receipts.store.row import Read

OTHER_STATUSES = ("approved", "withdrawn", "holds", "drifted", "asserted_applied", "asserted_not_applied")
"""What statements say that are no end of an action: of an approval, a later look, a person's word."""


def require_agent(read: Read, agent: str, tenant: str | None = None) -> None:
    """Raises when no agent has or had this name: an empty answer about a misspelt name would reassure falsely."""
    sql = "SELECT DISTINCT {0} FROM {1} WHERE {0} <> '' AND (tenant = ?1 OR ?1 IS NULL)"
    registered = read(sql.format("name", "agents"), tenant)
    # all names are read only for the hint: over a million statements that takes about 3 s
    if any(agent == name for (name,) in registered) or _is_named(read, "agent", agent, tenant):
        return
    acted = read(sql.format("agent", "statements"), tenant)
    known = sorted({str(name) for (name,) in [*registered, *acted]})
    raise AilyusError("unknown_agent", f"there is no agent `{agent}`", hint=_of(known))  # guard: names that nobody has


def require_contract(read: Read, contract: str, tenant: str | None = None) -> None:
    """Raises when no contract or plan of this name was ever released or called."""
    released = read("SELECT DISTINCT name FROM contract_versions")
    if any(contract == name for (name,) in released) or _is_named(read, "contract", contract, tenant):
        return
    sql = "SELECT DISTINCT contract FROM statements WHERE contract <> '' AND (tenant = ?1 OR ?1 IS NULL)"
    known = sorted({str(name) for (name,) in [*released, *read(sql, tenant)]})
    raise AilyusError("not_found", f"there is no contract `{contract}`", hint=_of(known))


def require_status(read: Read, status: str) -> None:
    """Raises when a statement can have no such status."""
    known = [*get_args(Status), *OTHER_STATUSES]
    if status not in known and not _is_named(read, "status", status, None):
        raise AilyusError("not_found", f"there is no status `{status}`", hint=_of(known))


def require_kind(kind: str) -> None:
    """Raises when there is no such kind of statement."""
    if kind not in get_args(Kind):
        raise AilyusError("not_found", f"there is no kind `{kind}`", hint=_of(get_args(Kind)))


def _is_named(read: Read, column: Literal["agent", "contract", "status"], name: str, tenant: str | None) -> bool:
    sql = f"SELECT 1 FROM statements WHERE {column} = ?1 AND (tenant = ?2 OR ?2 IS NULL) LIMIT 1"
    return bool(read(sql, name, tenant))


def _of(known: Sequence[str]) -> str:
    return f"one of {', '.join(known)}" if known else "there is none yet"
