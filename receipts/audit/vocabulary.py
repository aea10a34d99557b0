"""The vocabulary of a question: the agents, contracts, connections, people, statuses and kinds that a store knows.

An empty answer about a misspelt name would reassure falsely: a name that nobody ever had is an error, with the nearest.
"""

import difflib
from collections.abc import Collection, Sequence
from typing import Final, get_args

from contracts.errors import AilyusError
from receipts.action.status import Status
from receipts.statement.facts import Kind
from receipts.store.row import Read
from receipts.tables.scan import distinct

OTHER_STATUSES: Final = ("approved", "withdrawn", "holds", "drifted", "asserted_applied", "asserted_not_applied")
"""What statements say that are no end of an action: of an approval, a later look, a person's word."""
_TOLD: Final = 12
"""Names that a hint tells."""


def agents(read: Read, tenant: str | None = None) -> list[str]:
    """Every agent that is registered, or that ever acted."""
    registered = read("SELECT name FROM agents WHERE tenant = ?1 OR ?1 IS NULL", tenant)
    acted = [name for one in _tenants(read, tenant) for name in distinct(read, "statements", "agent", one)]
    return sorted({*(str(name) for (name,) in registered), *acted})


def contracts(read: Read, tenant: str | None = None) -> list[str]:
    """Every contract or plan that was ever released, or called."""
    released = read("SELECT DISTINCT name FROM contract_versions")
    called = [name for one in _tenants(read, tenant) for name in distinct(read, "statements", "contract", one)]
    return sorted({*(str(name) for (name,) in released), *called})


def connections(read: Read, tenant: str | None = None) -> list[str]:
    """Every connection that an action went by."""
    return sorted({n for one in _tenants(read, tenant) for n in distinct(read, "actions", "connection", one)})


def people(read: Read, tenant: str | None = None) -> list[str]:
    """Everybody for whom an agent ever asked for something."""
    return sorted({n for one in _tenants(read, tenant) for n in distinct(read, "actions", "person", one)})


def require_agent(read: Read, agent: str, tenant: str | None = None) -> None:
    """Raises when no agent has or had this name."""
    require("agent", agent, agents(read, tenant), code="unknown_agent")  # guard: names that nobody has


def require_contract(read: Read, contract: str, tenant: str | None = None) -> None:
    """Raises when no contract or plan of this name was ever released or called."""
    require("contract", contract, contracts(read, tenant))


def require_connection(read: Read, connection: str, tenant: str | None = None, also: Collection[str] = ()) -> None:
    """Raises when nothing ever went by it and it is none of those that there are (`also`)."""
    require("connection", connection, {*connections(read, tenant), *also})


def require_person(read: Read, person: str, tenant: str | None = None, also: Collection[str] = ()) -> None:
    """Raises when nothing was ever asked for this person and they are none of those that there are (`also`)."""
    require("person", person, {*people(read, tenant), *also})


def require_status(status: str) -> None:
    """Raises when a statement can have no such status."""
    require("status", status, [*get_args(Status), *OTHER_STATUSES])


def require_kind(kind: str) -> None:
    """Raises when there is no such kind of statement."""
    require("kind", kind, get_args(Kind))


def require(what: str, name: str, known: Collection[str], *, code: str = "not_found") -> None:
    """Raises, with the nearest name, when it is none of these."""
    if name not in known:
        raise AilyusError(code, f"there is no {what} `{name}`", hint=_hint(name, list(known)))


def _hint(name: str, known: Sequence[str]) -> str:
    if not known:
        return "there is none yet"
    nearest = difflib.get_close_matches(name, known, 1, 0.6)
    more = f" and {len(known) - _TOLD} more" if len(known) > _TOLD else ""
    there = f"one of {', '.join(known[:_TOLD])}{more}"
    return f"did you mean `{nearest[0]}`? It is {there}" if nearest else there


def _tenants(read: Read, tenant: str | None) -> list[str]:
    return [tenant] if tenant is not None else [str(one) for (one,) in read("SELECT tenant FROM tenant_keys")]
