"""Connecting an account: the authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636), from end to end.

`Authorizations.begin` makes the address at which a person gives their consent, `complete` takes the answer that their
browser brings back: it exchanges the code, looks what was given, and keeps the tokens. Pages of the console call both.
It refreshes nothing and sends nothing to a target; what is kept is used by others.

- Nobody but an admin of the tenant MUST connect an account that all use, and nobody but the person one of their own.
- An answer MUST be of this very session, in its time, and of the issuer that was asked (RFC 9207); it is taken once.
- Tokens MUST be kept only in the commit of the signed statement that says who connected which account.
- What was given beside or below the declared scopes MUST NOT be kept, and is revoked again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from pydantic import JsonValue

from adapters.http.check import CheckAnswer, checked
from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.metadata import Endpoints
from adapters.oauth.token_answer import TokenAnswer, TokenFault, fault_of
from contracts.action.oauth_client import OAuthClient, Side
from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.principal import Person
from policies.release import Release
from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict, Txn
from receipts.tables import challenges, rechecks
from server.identity.identity_token import identity_of
from server.identity.token_issuer import Issuer
from server.operations.connections.account import account_of
from server.operations.connections.authorization_request import (
    VALID_MS,
    AuthorizationRequest,
    RequestKeys,
    new_id,
    request_url,
)
from server.operations.connections.connection_statement import ConnectionChange, connection_statement
from server.operations.connections.grants import Grants
from server.operations.connections.scopes import GrantRefusal, account_fault, scope_fault

_HINT: Final = "begin again at the connection's page; nothing was kept"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AuthorizationAnswer:
    """What a browser brought back (RFC 6749, section 4.1.2). `fields` is all of it, where an account may stand."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str
    issuer: str | None
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: a person, the secret of their session, and where their browser is to come back to."""

    person: Person
    session: str = field(repr=False)
    redirect_uri: str


class Authorizations:
    """The requests that people make at authorization servers, and what became of them."""

    def __init__(
        self,
        journal: Journal,
        release: Callable[[], Release],
        admins: Sequence[str],
        servers: AuthorizationServers,
        grants: Grants,
    ) -> None:
        self._journal = journal
        self._release = release
        self._admins = frozenset(admins)
        self._servers = servers
        self._grants = grants
        self._issuers: dict[str, Issuer] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let what was begun end, then give connections back."""
        await asyncio.gather(*self._running, return_exceptions=True)
        for issuer in self._issuers.values():
            await issuer.close()

    def may_connect(self, target: Target, person: Person) -> bool:
        """May this person connect an account here: an admin one that all use, everybody one of their own?"""
        client = target.oauth2
        if client is None or not client.is_stored or target.tenant != person.tenant:
            return False
        return client.per_person or bool(self._admins & person.roles)  # guard: only an admin connects for all

    async def begin(self, name: str, side: Side, visitor: Visitor) -> str:
        """The address where this person gives their consent to one side of a connection."""
        target, client = self._connectable(name, visitor.person)
        if side not in client.sides:
            raise AilyusError("not_found", f"`{name}` has no side `{side}`", hint=f"one of {', '.join(client.sides)}")
        endpoints = await self._endpoints(client)
        if not endpoints.authorize:
            hint = "give `authorize_url` under [connections.NAME.oauth2]"
            raise AilyusError("bad_settings", "the authorization server names no authorization endpoint", hint=hint)
        keys, now = self._keys(visitor), self._journal.store.now_ms()
        holder = visitor.person.name if client.per_person else ""
        request = AuthorizationRequest(
            id=new_id(),
            connection=name,
            reference=_reference(target, side),
            side=side,
            holder=holder,
            by=visitor.person.name,
            until_ms=now + VALID_MS,
        )
        return request_url(keys, request, client, endpoints.authorize, visitor.redirect_uri)

    async def complete(self, name: str, answer: AuthorizationAnswer, visitor: Visitor) -> Side:
        """Take what a browser brought back: the side that is connected now. Raises where nothing was kept."""
        target, client = self._connectable(name, visitor.person)
        keys = self._keys(visitor)
        request = keys.open(answer.state, self._journal.store.now_ms())
        asked_for = request is not None and (name, visitor.person.name) == (request.connection, request.by)
        if request is None or not asked_for or request.reference != _reference(target, request.side):
            raise _refused("the answer belongs to no question of this session, or came too late")
        endpoints = await self._endpoints(client)
        _require_issuer(endpoints, answer)
        await self._use_up(request)
        if answer.error or not answer.code:
            code = fault_of(answer.error).code if answer.error else "no_code"
            raise _refused(f"the authorization server did not give its consent ({code})")
        # of its own: whoever closes the browser now must not leave tokens that nobody keeps
        task = asyncio.create_task(self._exchange(target, client, request, answer, visitor))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)  # guard: tokens that nobody waits for
        return request.side

    async def _exchange(
        self,
        target: Target,
        client: OAuthClient,
        request: AuthorizationRequest,
        answer: AuthorizationAnswer,
        visitor: Visitor,
    ) -> None:
        keys = self._keys(visitor)
        told = await self._servers.exchange(client, answer.code, keys.verifier(request), visitor.redirect_uri)
        if isinstance(told, TokenFault):
            raise _refused(told.sentence)
        change = await self._change(target, client, request, told, answer, keys.nonce(request))
        fault = scope_fault(change.declared, told) or account_fault(client.expect_account, change.account)
        if fault is not None:
            await self._refuse(target, client, told, change, fault)
        await self._keep(target, told, change)

    async def _change(
        self,
        target: Target,
        client: OAuthClient,
        request: AuthorizationRequest,
        told: TokenAnswer,
        answer: AuthorizationAnswer,
        nonce: str,
    ) -> ConnectionChange:
        try:
            account = await self._account(target, client, request.side, told, answer, nonce)
        except AilyusError:
            await self._revoke(client, told)
            raise
        declared = client.scopes(request.side)
        return ConnectionChange(
            event="connected",
            side=request.side,
            by=request.by,
            holder=request.holder,
            account=account,
            scopes=tuple(told.scopes) if told.scopes is not None else declared,
            declared=declared,
        )

    async def _keep(self, target: Target, told: TokenAnswer, change: ConnectionChange) -> None:
        """Tokens and statement in one commit."""
        sealed = connection_statement(self._journal.notary, target, change, self._journal.store.now_ms())
        grant = self._grants.granted(
            target, change.side, change.holder, told, account=change.account, connected_by=change.by
        )

        def work(txn: Txn) -> None:
            sealed.insert(txn)
            self._grants.put(txn, grant)
            rechecks.hasten(txn, target.name)  # what the lack of a token left in doubt can be read now

        await self._journal.write((), work)
        log.info("connected", connection=target.name)

    async def _refuse(
        self, target: Target, client: OAuthClient, told: TokenAnswer, change: ConnectionChange, fault: GrantRefusal
    ) -> None:
        revoked = await self._revoke(client, told)
        said = replace(change, event="refused", reason=fault.reason, revoked=revoked)
        sealed = connection_statement(self._journal.notary, target, said, self._journal.store.now_ms())
        await self._journal.write((), sealed.insert)
        log.warning("connection_refused", connection=target.name, reason=fault.reason)
        left = "" if revoked else "; the server did not confirm that it holds no more, so revoke it there"
        raise AilyusError("not_connected", f"{fault.sentence}{left}", hint=fault.hint)

    async def _account(
        self,
        target: Target,
        client: OAuthClient,
        side: Side,
        told: TokenAnswer,
        answer: AuthorizationAnswer,
        nonce: str,
    ) -> str:
        """As which account, where something says it. Raises where an identity token was asked for and does not hold."""
        sources: dict[str, JsonValue] = {"token": dict(told.fields), "redirect": dict(answer.fields)}
        if client.issuer and "openid" in client.scopes(side):
            issuer = self._issuers.setdefault(client.issuer, Issuer(client.issuer))
            try:
                sources["id_token"] = await identity_of(issuer, told.id_token, client.client_id, nonce)
            except ValueError:
                raise _refused("the identity token does not hold, or answers another question") from None
        if client.account.startswith("check."):
            seen = await checked(target, told.access_token)
            sources["check"] = seen.body if isinstance(seen, CheckAnswer) and seen.is_taken else None
        return account_of(client.account, sources)

    async def _revoke(self, client: OAuthClient, told: TokenAnswer) -> bool:
        kind = "refresh_token" if told.refresh_token else "access_token"
        return await self._servers.revoke(client, told.refresh_token or told.access_token, kind) is None

    async def _use_up(self, request: AuthorizationRequest) -> None:
        """INVARIANT: the answer to a request is taken once, at whichever replica."""
        try:
            # guard: an authorization answer is taken once
            await self._journal.write(
                (), lambda txn: challenges.answer(txn, bytes.fromhex(request.id), request.until_ms)
            )
        except Conflict:
            raise _refused("this answer was taken already") from None

    async def _endpoints(self, client: OAuthClient) -> Endpoints:
        found = await self._servers.endpoints(client)
        if isinstance(found, TokenFault):
            raise _refused(found.sentence)
        return found

    def _connectable(self, name: str, person: Person) -> tuple[Target, OAuthClient]:
        target = self._release().targets.get(name)
        if target is None or target.tenant != person.tenant:
            raise AilyusError("not_found", f"there is no connection `{name}`", hint="see the list of connections")
        client = target.oauth2
        if client is None or not client.is_stored:
            hint = 'only a connection with `grant = "authorization_code"` is connected by a person'
            raise AilyusError("not_found", f"nobody signs in for `{name}`", hint=hint)
        if not self.may_connect(target, person):
            hint = "an admin does it: somebody with a role of `[console] admins`"
            raise AilyusError("no_authority", "only an admin connects an account that all use", hint=hint)
        return target, client

    def _keys(self, visitor: Visitor) -> RequestKeys:
        return RequestKeys(self._journal.handles.derived(b"ailyus-authorization-requests"), visitor.session)


def _reference(target: Target, side: Side) -> str:
    return target.write if side == "write" else target.read


def _require_issuer(endpoints: Endpoints, answer: AuthorizationAnswer) -> None:
    """INVARIANT: a code of one server is never shown to another (RFC 9207, section 2.4)."""
    expected = endpoints.issuer
    is_missing = answer.issuer is None and endpoints.says_issuer
    # guard: issuer of an authorization answer
    if is_missing or (answer.issuer is not None and answer.issuer != expected):
        hint = _HINT if expected else "declare its `issuer` under [connections.NAME.oauth2], then begin again"
        sentence = "the answer is of another authorization server than the one that was asked"
        raise AilyusError("not_connected", sentence, hint=hint)


def _refused(sentence: str) -> AilyusError:
    return AilyusError("not_connected", sentence, hint=_HINT)
