"""Agents as rows. What a row says counts only by its signed statement (`statement/ledger.py`)."""

from dataclasses import dataclass

from receipts.statement.signed_rows import AGENT, registration
from receipts.store.row import Read, Row
from receipts.store.store import Store
from receipts.store.transaction import Txn


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One registered agent as its row has it; `roles` are separated by spaces."""

    name: str
    tenant: str
    owner: str
    person: str
    roles: str
    observe_only: bool
    revoked: bool
    token_hash: str

    def registration(self, *, observe_only: bool) -> str:
        """The digest by which a statement names this row, for an agent that only observes or may act."""
        return registration(self.name, self.tenant, self.owner, self.person, self.roles, observe_only, self.token_hash)


async def every(store: Store) -> list[AgentRow]:
    """The rows of all agents."""
    return [_agent(row) for row in await store.read(f"{AGENT} WHERE name <> ''")]


async def named(store: Store, name: str) -> list[AgentRow]:
    """The row of the agent of this name, if there is one."""
    return [_agent(row) for row in await store.read(f"{AGENT} WHERE name = ?", name)]


async def of_token(store: Store, token_hash: str) -> list[AgentRow]:
    """The row of the agent whose token has this hash, if there is one."""
    # by the hash alone: the token is 32 random bytes, so the index tells nothing of it by its timing
    return [_agent(row) for row in await store.read(f"{AGENT} WHERE token_hash = ?", token_hash)]


def roles_held(read: Read) -> set[str]:
    """The roles of all agents that are not revoked, and those that an identity provider told of people."""
    rows = read("SELECT roles FROM agents WHERE revoked = 0 UNION ALL SELECT roles FROM role_facts")
    return {role for (roles,) in rows for role in str(roles).split()}


def register(txn: Txn, agent: AgentRow) -> None:
    """Add an agent, or put another one in the place of the agent of this name; it is not revoked."""
    txn.write(
        "INSERT INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
        " ON CONFLICT (name) DO UPDATE SET tenant = excluded.tenant, owner = excluded.owner,"
        " person = excluded.person, roles = excluded.roles,"
        " observe_only = excluded.observe_only, token_hash = excluded.token_hash, revoked = 0",
        agent.name,
        agent.tenant,
        agent.owner,
        agent.person,
        agent.roles,
        int(agent.observe_only),
        agent.token_hash,
    )


def rotate(txn: Txn, name: str, token_hash: str, new_hash: str) -> None:
    """Put another token in the place of this one; `Conflict` where it is not the agent's own, or was revoked."""
    # by the hash that was read: what was rotated or revoked meanwhile is not written over
    txn.write(
        "UPDATE agents SET token_hash = ? WHERE name = ? AND token_hash = ? AND revoked = 0", new_hash, name, token_hash
    )


def revoke(txn: Txn, name: str) -> None:
    """Revoke an agent's token."""
    txn.write("UPDATE agents SET revoked = 1 WHERE name = ?", name)


def promote(txn: Txn, name: str) -> None:
    """Let an observing agent act."""
    txn.write("UPDATE agents SET observe_only = 0 WHERE name = ?", name)


def _agent(row: Row) -> AgentRow:
    return AgentRow(
        str(row[0]), str(row[1]), str(row[2]), str(row[3]), str(row[4]), bool(row[5]), bool(row[6]), str(row[7])
    )
