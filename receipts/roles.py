"""What an identity provider said of people's roles, and when. Whoever it does not speak of has the declared ones."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from policies.principal import Person
from receipts.store import Store, Txn, blob, integer

FRESH_MS = 900_000
"""How long what was said counts where an approval is used; older facts are read again (15 minutes)."""


@dataclass(frozen=True, slots=True)
class Told:
    """The declared roles of one person, and the sealed refresh token by which they are read again (empty: by none)."""

    roles: frozenset[str]
    refresh: bytes


Reader = Callable[[Person, bytes], Awaitable[Told | None]]
"""Asks the provider again; None when it does not answer, or speaks of that person no more."""


class Roles:
    """The roles that people hold. `issuer` is whose people are told of by a provider; empty: nobody's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.issuer = ""
        self.reader: Reader | None = None

    async def learn(self, person: Person, told: Told) -> None:
        """Keep what was said just now."""

        def work(txn: Txn) -> None:
            txn.write(
                "INSERT INTO role_facts VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET"
                " roles = excluded.roles, at_ms = excluded.at_ms, refresh = excluded.refresh",
                person.name,
                " ".join(sorted(told.roles)),
                txn.now_ms,
                told.refresh,
            )

        await self._store.write(work)

    async def known(self, person: Person) -> frozenset[str]:
        """The roles as they were last said: for what only shows."""
        if not self.issuer or person.issuer != self.issuer:
            return person.roles
        found = await self._found(person)
        return found[0] if found else frozenset()

    async def held(self, person: Person) -> frozenset[str]:
        """The roles now, read again if they are older than 15 minutes: for what an approval rests on."""
        if not self.issuer or person.issuer != self.issuer:
            return person.roles
        found = await self._found(person)
        # INVARIANT: unknown, absent or old facts deny
        if found is None:
            return frozenset()
        roles, at_ms, refresh = found
        if self._store.now_ms() - at_ms <= FRESH_MS:
            return roles
        told = await self.reader(person, refresh) if self.reader is not None else None
        if told is None:
            return frozenset()
        await self.learn(person, told)
        return told.roles

    async def _found(self, person: Person) -> tuple[frozenset[str], int, bytes] | None:
        rows = await self._store.read("SELECT roles, at_ms, refresh FROM role_facts WHERE person = ?", person.name)
        return (frozenset(str(rows[0][0]).split()), integer(rows[0][1]), blob(rows[0][2])) if rows else None
