"""The registrations of agents: a row counts while the newest signed statement about its agent vouches for it."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from contracts.action.request import Caller
from contracts.canonical import new_id, sha256
from policies.release import Release
from receipts.journal.journal import Journal
from receipts.statement.gateway_facts import AgentFacts
from receipts.statement.words import LedgerEntry
from receipts.store.store import Store
from receipts.tables import agents
from receipts.tables.agents import AgentRow

_ReadAgents = Callable[[Store], Awaitable[Sequence[AgentRow]]]


class Registrations:
    """Finds agents by name or by the hash of their token."""

    def __init__(self, journal: Journal, release: Callable[[], Release]) -> None:
        self._journal = journal
        self._release = release

    async def of_name(self, name: str, boundary: str) -> Caller | None:
        """The agent of this name, for the person it is registered for; None when it is revoked or unknown."""
        return await self._registered(lambda store: agents.named(store, name), boundary)

    async def of_token(self, token_hash: str, boundary: str) -> Caller | None:
        """The agent whose own token has this hash."""
        return await self._registered(lambda store: agents.of_token(store, token_hash), boundary)

    async def _registered(self, read: _ReadAgents, boundary: str) -> Caller | None:
        release = self._release()
        rows = [row for row in await self.rows(read) if not row.revoked]
        if not rows:
            return None
        row = rows[0]
        human = release.people.get(row.person)
        if human is None or human.tenant != row.tenant:
            return None
        return Caller(
            row.name,
            row.tenant,
            human.name,
            row.owner,
            frozenset(row.roles.split()),
            human.roles,
            row.observe_only,
            boundary,
        )

    async def rows(self, read: _ReadAgents) -> Sequence[AgentRow]:
        """Rows of agents that their newest signed statement vouches for."""
        ledger = self._journal.ledger
        rows = await read(self._journal.store)
        if not all(_is_said(row, ledger.agents.get(row.name)) for row in rows):
            await ledger.follow()  # registered just now, perhaps at another replica
        found = []
        for row in rows:
            said = ledger.agents.get(row.name)
            if said is None or not _is_said(row, said):
                ledger.tell("agents", row.name)
                continue
            # INVARIANT 9: a revocation in the log holds whatever the row says
            found.append(replace(row, revoked=row.revoked or said.event == "revoked"))
        return found

    async def adopt(self) -> None:
        """Log the registrations that an earlier version logged without a digest, as they stand now: once, at a start.

        The log was found whole just before, so nobody can bring this about by taking a newer statement away.
        """
        journal = self._journal
        old = [
            n for n, said in journal.ledger.agents.items() if not said.text("registration") and said.event != "revoked"
        ]
        for name in sorted(old):
            row = next(iter(await agents.named(journal.store, name)), None)
            if row is None or row.revoked or row.tenant != journal.ledger.agents[name].tenant:
                continue
            kept = row.registration(observe_only=row.observe_only)
            facts = AgentFacts(event="adopted", agent=name, registration=kept)
            subject, at = {name: sha256(name.encode())}, journal.store.now_ms()
            sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), row.tenant, subject, at)
            await journal.store.write(sealed.insert)
        await journal.ledger.follow()


def _is_said(row: AgentRow, said: LedgerEntry | None) -> bool:
    """Does the newest statement about an agent vouch for its row? A revoked agent's row only says who it was."""
    if said is None or said.event == "revoked":
        return said is not None
    # guard: agents count by their statement
    return hmac.compare_digest(said.text("registration"), row.registration(observe_only=row.observe_only))
