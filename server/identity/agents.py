"""Agents and their tokens: who calls, and for whom. Tokens are stored as hashes only."""

import hashlib
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from contracts.action.request import Caller
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from policies.principal import Person
from policies.release import Release
from receipts.journal.epoch import bump
from receipts.journal.journal import Journal
from receipts.statement.gateway_facts import AgentFacts
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Conflict, Txn
from receipts.tables import agents
from receipts.tables.agents import AgentRow
from server.identity.access_tokens import MAX_TOKEN, Tokens
from server.identity.registrations import Registrations
from server.identity.resource_metadata import ResourceMetadata
from server.workspace.public_address import PublicAddress

PREFIX = "ailyus_"
MAX_KNOWN = 10_000
"""Tokens of which something is known."""
UNKNOWN_SECONDS = 2.0
"""How long a token that is nobody's is not looked up again, so that a flood of them costs next to nothing."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownToken:
    """Whose a token is, until when that may be believed (seconds since the epoch)."""

    caller: Caller | None
    until: float


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

    def __init__(
        self,
        journal: Journal,
        release: Callable[[], Release],
        tokens: Tokens | None = None,
        came: Callable[[str, str, float], None] = lambda person, token, until: None,
    ) -> None:
        """`came` is told of each call's access token that holds: whose it is, and until when."""
        self._journal = journal
        self._release = release
        self._tokens = tokens
        self._came = came
        self._registrations = Registrations(journal, release)
        self._callers: OrderedDict[str, KnownToken] = OrderedDict()
        self._under: tuple[str, int, int] = ("", 0, 0)

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
        row = AgentRow(name, tenant, owner, person or owner, " ".join(sorted(roles)), observe_only, False, hashed)
        said = row.registration(observe_only=observe_only)
        facts = AgentFacts(event="added", agent=name, observe_only=observe_only, registration=said)
        sealed = self._said(facts, tenant)

        def work(txn: Txn) -> None:
            agents.register(txn, row)
            sealed.insert(txn)
            bump(txn)  # the token that it had before is known no more

        await self._journal.store.write(work)
        await self._journal.controls.refresh()
        return token

    async def rotate(self, name: str, by: str, given_ms: int) -> str:
        """Give an agent another token, which is shown once; the one that it was given at `given_ms` is nobody's then.

        `by` is the person who does it: their name is evidence of the statement.
        """
        row = await self._row(name)
        token = PREFIX + secrets.token_urlsafe(32)
        new = replace(row, token_hash=_hashed(token))
        # the event of a registration, since that is what it is: versions that know of no rotation read it too
        facts = AgentFacts(
            event="added",
            agent=name,
            observe_only=row.observe_only,
            registration=new.registration(observe_only=row.observe_only),
        )
        sealed = self._said(facts, row.tenant, by)

        def work(txn: Txn) -> None:
            agents.rotate(txn, name, row.token_hash, new.token_hash)
            sealed.insert(txn)
            bump(txn)

        try:
            # a form that is sent twice makes no second token, of which its page would be shown to whoever reloads it
            if row.revoked or self.given_ms(name) != given_ms:  # guard: a token is rotated once
                raise Conflict
            await self._journal.store.write(work)
        except Conflict:
            sentence = f"the token of `{name}` was rotated or revoked meanwhile"
            raise AilyusError("used", sentence, hint="look at the page of the agent again") from None
        await self._journal.controls.refresh()
        return token

    def given_ms(self, name: str) -> int:
        """When an agent was given the token that it has; 0 where an earlier version did not log that."""
        return self._journal.ledger.tokens.get(name, 0)

    async def change(self, name: str, *, revoke: bool, by: str = "") -> None:
        """Revoke an agent's token, or promote an observing agent; `by` is the person, where it is known."""
        row = await self._row(name)
        facts = (
            AgentFacts(event="revoked", agent=name)
            if revoke
            else AgentFacts(event="promoted", agent=name, registration=row.registration(observe_only=False))
        )
        sealed = self._said(facts, row.tenant, by)

        def work(txn: Txn) -> None:
            (agents.revoke if revoke else agents.promote)(txn, name)
            sealed.insert(txn)
            bump(txn)

        await self._journal.store.write(work)
        await self._journal.controls.refresh()

    async def _row(self, name: str) -> AgentRow:
        rows = await self._registrations.rows(lambda store: agents.named(store, name))
        if not rows:
            raise AilyusError("unknown_agent", f"there is no agent `{name}`")
        return rows[0]

    def _said(self, facts: AgentFacts, tenant: str, by: str = "") -> SignedStatement:
        """A statement about an agent. Who said it is a personal value: the log holds a commitment to it."""
        at, subject = self._journal.store.now_ms(), {facts.agent: sha256(facts.agent.encode())}
        evidence = {"by": by.encode()} if by else {}
        return self._journal.notary.sign_gateway_statement(facts, new_id("rcp"), tenant, subject, at, evidence)

    async def list(self) -> list[Agent]:
        """Every registered agent, by name."""
        rows = sorted(await self._registrations.rows(agents.every), key=lambda row: row.name)
        return [
            Agent(r.name, r.tenant, r.owner, r.person, frozenset(r.roles.split()), r.observe_only, r.revoked)
            for r in rows
        ]

    async def caller(self, token: str, boundary: str = "network") -> Caller | None:
        """Whose token is this? None for an unknown, revoked, expired or ill-formed one, or one for somebody else."""
        if not token or len(token) > MAX_TOKEN:
            return None
        own = token.startswith(PREFIX)
        if self._tokens is not None and not own:
            await self._tokens.issuer.refresh()
        key, now = _hashed(token) + boundary, time.time()
        under = self._epoch()
        # INVARIANT 3: what is known of tokens dies with the control epoch, whoever moved it, and with the issuer's keys
        if under != self._under:
            self._callers.clear()  # guard: what is known of tokens
            self._under = under
        known = self._callers.get(key)
        if known is not None and known.until > now and self._journal.controls.is_fresh:
            self._callers.move_to_end(key)
            return self._told(known, token, own=own)
        if own:
            known = KnownToken(await self._registrations.of_token(_hashed(token), boundary), math.inf)
        else:
            known = await self._of_issuer(token, boundary)
        if known.caller is None:
            known = KnownToken(None, now + UNKNOWN_SECONDS)
        if under == self._epoch():
            self._callers[key] = known
            while len(self._callers) > MAX_KNOWN:
                self._callers.popitem(last=False)
        return self._told(known, token, own=own)

    def _told(self, known: KnownToken, token: str, *, own: bool) -> Caller | None:
        """The caller; a token of the authorization server may also be one that a connection exchanges."""
        if known.caller is not None and not own:
            self._came(known.caller.person, token, known.until)
        return known.caller

    def remembers(self, token: str, boundary: str = "network") -> bool:
        """Was this token found to be somebody's, and is that still believed?"""
        known = self._callers.get(_hashed(token) + boundary)
        return known is not None and known.caller is not None

    def _epoch(self) -> tuple[str, int, int]:
        # guard: tokens end with their keys
        return self._release().digest, self._journal.epoch, self._tokens.issuer.generation if self._tokens else 0

    async def _of_issuer(self, token: str, boundary: str) -> KnownToken:
        """An access token of the authorization server: a declared person, through a registered agent."""
        claims = await self._tokens.verify(token) if self._tokens is not None else None
        if claims is None or self._tokens is None:
            return KnownToken(None, 0.0)
        person = self._release().people.of(claims.iss, claims.sub)
        # INVARIANT 9: an issuer's client is an agent only because the settings say so, never by bearing its name
        name = self._tokens.agent(claims.client)
        agent = await self._registrations.of_name(name, boundary) if name is not None else None
        if person is None or agent is None or agent.tenant != person.tenant:
            log.info("token_of_nobody", declared=person is not None, registered=agent is not None)
            return KnownToken(None, 0.0)
        return KnownToken(_acting(agent, person, delegated=claims.act is not None), claims.exp)

    async def named(self, name: str) -> Caller | None:
        """The agent of that name as it would call over the network, or None when it is revoked or unknown."""
        return await self._registrations.of_name(name, "network")

    async def current(self, caller: Caller) -> Caller | None:
        """The same agent as it is registered now, or None when it was revoked or acts for somebody else by now."""
        now = await self._registrations.of_name(caller.agent, caller.boundary)
        if caller.issuer and now is not None:
            person = self._release().people.get(caller.person)
            if person is None or person.issuer != caller.issuer:
                return None
            now = _acting(now, person, delegated=caller.delegated)
        same = now is not None and (now.tenant, now.person, now.owner) == (caller.tenant, caller.person, caller.owner)
        return now if same else None

    async def adopt(self) -> None:
        """Log, once at a start, the registrations that an earlier version logged without a digest."""
        await self._registrations.adopt()

    def metadata(self, address: PublicAddress) -> ResourceMetadata | None:
        """What RFC 9728 says of this resource; None where no authorization server issues tokens for it."""
        return self._tokens.metadata(address) if self._tokens is not None else None


def _acting(agent: Caller, person: Person, *, delegated: bool) -> Caller:
    """A registered agent, for the person whom the issuer names."""
    return replace(agent, person=person.name, person_roles=person.roles, issuer=person.issuer, delegated=delegated)


def _hashed(token: str) -> str:
    # 256 random bits need no salt; the look-up by hash leaks nothing about the token
    return hashlib.sha256(token.encode()).hexdigest()
