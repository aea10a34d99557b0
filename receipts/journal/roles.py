"""What an identity provider said of people's roles, and when. Whoever it does not speak of has the declared ones."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contracts.canonical import new_id, pseudonym, sha256
from policies.principal import Person
from receipts.statement.gateway_facts import RoleFacts
from receipts.statement.ledger import Ledger
from receipts.statement.statement import Notary
from receipts.store.row import blob, integer
from receipts.store.store import Store
from receipts.store.transaction import Txn

FRESH_MS = 900_000
"""How long what was said counts where an approval is used; older facts are read again (15 minutes)."""


@dataclass(frozen=True, slots=True)
class HeldRoles:
    """The declared roles of one person, and the sealed refresh token by which they are read again (empty: by none)."""

    roles: frozenset[str]
    refresh: bytes


Reader = Callable[[Person, bytes], Awaitable[HeldRoles | None]]
"""Asks the provider again; None when it does not answer, or speaks of that person no more."""


class Roles:
    """The roles that people hold. `issuer` is whose people are told of by a provider; empty: nobody's."""

    def __init__(self, store: Store, ledger: Ledger, notary: Notary) -> None:
        self._store = store
        self._ledger = ledger
        self._notary = notary
        self.issuer = ""
        self.reader: Reader | None = None

    async def store(self, person: Person, told: HeldRoles) -> None:
        """Keep what was said just now, by a signed statement that names no role and nobody."""

        def work(txn: Txn) -> None:
            roles = " ".join(sorted(told.roles))
            holder = self._notary.pseudonym(person.tenant, "person", person.name)
            fact = self._fact(person, roles, txn.now_ms, told.refresh)
            facts = RoleFacts(event="told", holder=holder, fact=fact)
            subject = {holder: sha256(fact.encode())}
            self._notary.sign_gateway_statement(facts, new_id("rcp"), person.tenant, subject, txn.now_ms).insert(txn)
            txn.write(
                "INSERT INTO role_facts VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET"
                " roles = excluded.roles, at_ms = excluded.at_ms, refresh = excluded.refresh",
                person.name,
                roles,
                txn.now_ms,
                told.refresh,
            )

        await self._store.write(work)
        await self._ledger.follow()

    async def last_known(self, person: Person) -> frozenset[str]:
        """The roles as they were last said: for what only shows."""
        if not self.issuer or person.issuer != self.issuer:
            return person.roles
        found = await self._found(person)
        return found[0] if found else frozenset()

    async def fresh(self, person: Person) -> frozenset[str]:
        """The roles now, read again if they are older than 15 minutes: for what an approval rests on."""
        if not self.issuer or person.issuer != self.issuer:
            return person.roles
        found = await self._found(person)
        # INVARIANT: unknown, absent or old facts deny
        if found is None:
            return frozenset()
        roles, at_ms, refresh = found
        if self._store.now_ms() - at_ms <= FRESH_MS:  # guard: roles that were said long ago
            return roles
        told = await self.reader(person, refresh) if self.reader is not None else None
        if told is None:
            return frozenset()
        await self.store(person, told)
        return told.roles

    async def _found(self, person: Person) -> tuple[frozenset[str], int, bytes] | None:
        rows = await self._store.read("SELECT roles, at_ms, refresh FROM role_facts WHERE person = ?", person.name)
        if not rows:
            return None
        roles, at_ms, refresh = str(rows[0][0]), integer(rows[0][1]), blob(rows[0][2])
        if not self._is_said(person, roles, at_ms, refresh):
            await self._ledger.follow()  # told just now, perhaps to another replica
        # INVARIANT: roles count only by the signed statement of their being told
        if not self._is_said(person, roles, at_ms, refresh):  # guard: roles count by their statement
            self._ledger.tell("role_facts", person.name)
            return None
        return frozenset(roles.split()), at_ms, refresh

    def _is_said(self, person: Person, roles: str, at_ms: int, refresh: bytes) -> bool:
        said = self._ledger.roles.get(self._notary.pseudonym(person.tenant, "person", person.name))
        return said is not None and said.text("fact") == self._fact(person, roles, at_ms, refresh)

    def _fact(self, person: Person, roles: str, at_ms: int, refresh: bytes) -> str:
        return role_fact(self._notary.tenant_key(person.tenant), person.name, roles, at_ms, refresh)


def role_fact(tenant_key: bytes, person: str, roles: str, at_ms: int, refresh: bytes) -> str:
    """The keyed digest by which a statement names what was told of somebody's roles."""
    return pseudonym(tenant_key, "role", f"{person}\n{roles}\n{at_ms}\n{sha256(refresh)}")
