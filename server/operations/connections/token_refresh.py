"""The refresh of kept tokens: one at a time for each grant, whichever replica does it (RFC 6749, section 6).

`TokenRefresh` is called by `AccessTokens`, for who needs a token now, and ahead of its end. A refresh token that
rotates is used up by its first use, so a lost answer may lose a connection: the same token is sent once more, which
servers with a grace interval answer, and where it holds no more a person must sign in.

- Of all replicas one MUST ask at a time, under a lease; where its process died, another goes on when the lease ends.
- New tokens MUST be kept before anybody uses them, and before the former refresh token is forgotten.
- A good answer MUST be kept whoever holds the lease by then, unless the tokens that it was asked with are gone.
- Only an authorization server that says so MUST make a grant one that needs a person. An outage does not.
"""

import asyncio
import time
from typing import Final

import structlog

from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.client_tokens import DeclaredTokens, within
from adapters.oauth.token_answer import TokenAnswer, TokenFault
from contracts.errors import AilyusError
from receipts.store.transaction import Conflict, Work
from receipts.tables import grants
from receipts.tables.grants import StoredGrant
from server.operations.connections.grants import Grants

LEASE_MARGIN_MS: Final = 1_000
_LOOK_SECONDS: Final = 0.1
_FIRST_PAUSE_MS: Final = 1_000
_LONGEST_PAUSE_MS: Final = 60_000
_REPEAT_SECONDS: Final = 0.2
_KEEP_PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Seconds between the tries to write new tokens down."""
log = structlog.get_logger()


class TokenRefresh:
    """Refreshes the grants of one store."""

    def __init__(self, kept: Grants, servers: AuthorizationServers) -> None:
        self._grants = kept
        self._servers = servers
        self._running: dict[str, asyncio.Task[StoredGrant | None]] = {}

    def begin(self, row: StoredGrant, one: DeclaredTokens) -> "asyncio.Task[StoredGrant | None]":
        """Refresh a grant, or join who does here already; the task gives the grant as it then stands."""
        if row.id not in self._running:
            # a task of its own: whoever waits may give up, and the answer is kept all the same
            task = asyncio.create_task(self._refreshed(row, one))
            self._running[row.id] = task
            task.add_done_callback(lambda _: self._running.pop(row.id, None))
        return self._running[row.id]

    def is_running(self, row: StoredGrant) -> bool:
        """Is it being refreshed here?"""
        return row.id in self._running

    async def close(self) -> None:
        """Let refreshes that are under way end: a token that is asked for is kept."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _refreshed(self, row: StoredGrant, one: DeclaredTokens) -> StoredGrant | None:
        """The grant after a refresh, by this replica or by another one."""
        lease_ms = one.client.timeout_ms + LEASE_MARGIN_MS
        # known before the lease begins, so that one question is all that it has to cover
        await self._servers.endpoints(one.client)
        give_up = time.monotonic() + 3 * lease_ms / 1000
        at: StoredGrant | None = row
        while at is not None and at.version == row.version and at.state != "needs_person":
            if (at.state == "ready" and at.tried > row.tried) or time.monotonic() > give_up:
                return at  # another replica tried meanwhile, and it gave nothing
            if await self._is_claimed(at, lease_ms):
                await self._ask(at, one, lease_ms)
                return await self._grants.find(row.id)
            await asyncio.sleep(_LOOK_SECONDS)
            at = await self._grants.find(row.id)
        return at

    async def _is_claimed(self, row: StoredGrant, lease_ms: int) -> bool:
        try:
            await self._grants.store.write(lambda txn: grants.claim(txn, row, lease_ms))
        except Conflict:
            return False
        return True

    async def _ask(self, row: StoredGrant, one: DeclaredTokens, lease_ms: int) -> None:
        """Use the refresh token, and once more where its answer was lost; keep what came of it."""
        refresh = self._grants.opened(row).refresh
        if not refresh:
            await self._need_person(row, "there is no refresh token, and its access token ends")
            return
        is_repeated = row.state == "refreshing"  # its former owner may have asked
        answer = await self._servers.refresh(one.client, refresh)
        if isinstance(answer, TokenFault) and answer.kind == "lost" and await self._is_kept(row, lease_ms):
            log.warning("token_refresh_repeated", connection=row.connection, code=answer.code)
            await asyncio.sleep(_REPEAT_SECONDS)
            is_repeated = True
            answer = await self._servers.refresh(one.client, refresh)
        if isinstance(answer, TokenFault):
            await self._keep_fault(row, answer, is_repeated=is_repeated)
        elif isinstance(fault := within(one, answer), TokenFault):
            await self._revoke(row, one, answer)
            await self._need_person(row, fault.sentence)
        else:
            await self._keep(row, one, answer, refresh)

    async def _keep(self, row: StoredGrant, one: DeclaredTokens, answer: TokenAnswer, refresh: str) -> None:
        """Write the new tokens down. What the store cannot take now is tried again: nobody else has them."""
        # one that is not rotated is not sent
        tokens = self._grants.sealed(row.id, answer, answer.refresh_token or refresh)
        scopes = row.scopes if answer.scopes is None else tuple(sorted(answer.scopes))
        for pause in _KEEP_PAUSES:
            try:
                await self._grants.store.write(lambda txn: grants.replace_tokens(txn, row, tokens, scopes))
                return
            except Conflict:
                if await self._grants.find(row.id) is None:  # somebody disconnected it meanwhile
                    await self._revoke(row, one, answer)
                return
            except AilyusError as error:
                log.warning("token_not_kept", connection=row.connection, code=error.code)
                await asyncio.sleep(pause)

    async def _keep_fault(self, row: StoredGrant, fault: TokenFault, *, is_repeated: bool) -> None:
        if fault.kind == "gone":
            before = "the answer to a refresh was lost" if is_repeated else row.reason
            await self._need_person(row, f"{fault.sentence}; before: {before}" if before else fault.sentence)
            return
        pause = min(_LONGEST_PAUSE_MS, _FIRST_PAUSE_MS * 2 ** min(row.tried, 6))
        log.warning("token_not_refreshed", connection=row.connection, reason=fault.kind, code=fault.code)
        await self._give_back(lambda txn: grants.put_off(txn, row, pause, fault.sentence))

    async def _revoke(self, row: StoredGrant, one: DeclaredTokens, answer: TokenAnswer) -> None:
        """Tokens that are nobody's hold no more."""
        token, hint = answer.access_token, "access_token"
        if answer.refresh_token:
            token, hint = answer.refresh_token, "refresh_token"
        fault = await self._servers.revoke(one.client, token, hint)
        log.info("token_revoked", connection=row.connection, code=fault.code if fault else None)

    async def _need_person(self, row: StoredGrant, reason: str) -> None:
        log.warning("connection_needs_person", connection=row.connection, reason=reason)
        await self._give_back(lambda txn: grants.need_person(txn, row, reason))

    async def _is_kept(self, row: StoredGrant, lease_ms: int) -> bool:
        """Is it still this replica's turn, for another lease?"""
        try:
            await self._grants.store.write(lambda txn: grants.renew(txn, row, lease_ms))
        except Conflict:
            return False
        return True

    async def _give_back(self, work: Work[None]) -> None:
        try:
            await self._grants.store.write(work)
        except Conflict:
            return  # another replica took it over: what it finds counts
