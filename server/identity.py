"""Agents and their tokens: who calls, and for whom. Tokens are stored as hashes only."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from contracts.request import Caller
from policies.release import Release
from receipts.controls import bump
from receipts.journal import Journal
from receipts.store import Txn

PREFIX = "ailyus_"


@dataclass(frozen=True, slots=True)
class Agent:
    """One registered agent: it acts for `person`, else for its owner, never for nobody."""

    name: str
    tenant: str
    owner: str
    person: str
    roles: frozenset[str]
    observe_only: bool
    revoked: bool


class Agents:
    """Registered agents, and whose token is whose."""

    def __init__(self, journal: Journal, release: Callable[[], Release]) -> None:
        self._journal = journal
        self._release = release
        self._callers: dict[str, Caller] = {}
        self._under: tuple[str, int] = ("", 0)

    async def add(
        self, name: str, tenant: str, owner: str, person: str | None, roles: frozenset[str], observe_only: bool
    ) -> str:
        """Register an agent and return its token, which is shown once. Raises for undeclared people or roles."""
        release = self._release()
        for who in (owner, person or owner):
            found = release.people.get(who)
            if found is None or found.tenant != tenant:
                raise AilyusError("unknown_person", f"`{who}` is no declared person of the tenant `{tenant}`")
        unknown = roles - release.decider.bundle.roles
        if unknown:
            raise AilyusError("bad_settings", f"the role `{sorted(unknown)[0]}` is not declared")
        if not name.isidentifier() and not name.replace("-", "_").isidentifier():
            raise AilyusError("bad_settings", f"`{name}` is no name for an agent", hint="letters, digits, `-` and `_`")
        token = PREFIX + secrets.token_urlsafe(32)
        hashed = _hashed(token)
        at = self._journal.store.now_ms()
        facts: dict[str, JsonValue] = {"event": "added", "agent": name, "observeOnly": observe_only}
        sealed = self._journal.notary.seal_plain(
            "agent", new_id("rcp"), tenant, {name: sha256(name.encode())}, at, facts
        )

        def work(txn: Txn) -> None:
            txn.write(
                "INSERT INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
                " ON CONFLICT (name) DO UPDATE SET tenant = excluded.tenant, owner = excluded.owner,"
                " person = excluded.person, roles = excluded.roles,"
                " observe_only = excluded.observe_only, token_hash = excluded.token_hash, revoked = 0",
                name,
                tenant,
                owner,
                person or owner,
                " ".join(sorted(roles)),
                int(observe_only),
                hashed,
            )
            sealed.insert(txn)
            bump(txn)  # the token that it had before is known no more

        await self._journal.store.write(work)
        await self._journal.controls.refresh()
        return token

    async def change(self, name: str, *, revoke: bool) -> None:
        """Revoke an agent's token, or promote an observing agent."""
        agent = next((a for a in await self.list() if a.name == name), None)
        if agent is None:
            raise AilyusError("unknown_agent", f"there is no agent `{name}`")
        at = self._journal.store.now_ms()
        event = "revoked" if revoke else "promoted"
        sealed = self._journal.notary.seal_plain(
            "agent", new_id("rcp"), agent.tenant, {name: sha256(name.encode())}, at, {"event": event, "agent": name}
        )

        def work(txn: Txn) -> None:
            column = "revoked = 1" if revoke else "observe_only = 0"
            txn.write(f"UPDATE agents SET {column} WHERE name = ?", name)
            sealed.insert(txn)
            bump(txn)

        await self._journal.store.write(work)
        await self._journal.controls.refresh()

    async def list(self) -> list[Agent]:
        """Every registered agent, by name."""
        rows = await self._journal.store.read(
            "SELECT name, tenant, owner, person, roles, observe_only, revoked FROM agents ORDER BY name"
        )
        return [
            Agent(str(r[0]), str(r[1]), str(r[2]), str(r[3]), frozenset(str(r[4]).split()), bool(r[5]), bool(r[6]))
            for r in rows
        ]

    async def caller(self, token: str, boundary: str = "network") -> Caller | None:
        """Whose token is this? None for an unknown, revoked or ill-formed one."""
        if not token.startswith(PREFIX) or len(token) > 100:
            return None
        release, key = self._release(), _hashed(token)
        # INVARIANT: what is known of tokens dies with the control epoch, whoever moved it
        under = (release.digest, self._journal.epoch)
        if under != self._under:
            self._callers, self._under = {}, under
        known = self._callers.get(key + boundary)
        if known is not None and self._journal.controls.is_fresh:
            return known
        caller = await self._registered("token_hash", key, boundary)
        if caller is not None and under == self._under:
            self._callers[key + boundary] = caller
        return caller

    async def named(self, name: str) -> Caller | None:
        """The agent of that name as it would call over the network, or None when it is revoked or unknown."""
        return await self._registered("name", name, "network")

    async def current(self, caller: Caller) -> Caller | None:
        """The same agent as it is registered now, or None when it was revoked or acts for somebody else by now."""
        now = await self._registered("name", caller.agent, caller.boundary)
        same = now is not None and (now.tenant, now.person, now.owner) == (caller.tenant, caller.person, caller.owner)
        return now if same else None

    async def _registered(self, column: Literal["token_hash", "name"], value: str, boundary: str) -> Caller | None:
        release = self._release()
        rows = await self._journal.store.read(
            f"SELECT name, tenant, owner, person, roles, observe_only FROM agents WHERE {column} = ? AND revoked = 0",
            value,
        )
        if not rows:
            return None
        name, tenant, owner, person, roles, observe_only = rows[0]
        human = release.people.get(str(person))
        if human is None or human.tenant != tenant:
            return None
        return Caller(
            str(name),
            str(tenant),
            human.name,
            str(owner),
            frozenset(str(roles).split()),
            human.roles,
            bool(observe_only),
            boundary,
        )

    def metadata(self, port: int) -> dict[str, JsonValue] | None:
        """What RFC 9728 says of this resource; None where no authorization server issues tokens for it."""
        return None


def _hashed(token: str) -> str:
    # 256 random bits need no salt; the look-up by hash leaks nothing about the token
    return hashlib.sha256(token.encode()).hexdigest()
