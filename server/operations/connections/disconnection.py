"""Ending what a sign-in gave: the tokens hold no more at the authorization server, and none of them is kept."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from adapters.oauth.authorization_servers import AuthorizationServers
from contracts.action.oauth_client import OAuthClient, Side
from contracts.errors import AilyusError
from policies.release import Release
from receipts.journal.journal import Journal
from receipts.store.transaction import Txn
from receipts.tables.grants import StoredGrant
from server.operations.connections.connection_statement import ConnectionChange, connection_statement
from server.operations.connections.grants import Grants

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EndedGrant:
    """One side that is connected no more; `revoked` says whether the authorization server confirmed it."""

    side: Side
    person: str
    revoked: bool


class Disconnection:
    """Takes connections' tokens away."""

    def __init__(
        self, journal: Journal, release: Callable[[], Release], servers: AuthorizationServers, grants: Grants
    ) -> None:
        self._journal = journal
        self._release = release
        self._servers = servers
        self._grants = grants

    async def disconnect(self, name: str, person: str, by: str) -> list[EndedGrant]:
        """End a connection, or one person's part of it. Raises `not_found` where nobody has connected it.

        The server is asked first (RFC 7009): whoever ends between asking and forgetting does it again. What the server
        does not confirm is forgotten all the same, and said.
        """
        release = self._release()
        target = release.targets.get(name)
        if target is None or target.oauth2 is None:
            raise AilyusError(
                "not_found", f"there is no connection `{name}` that signs in", hint="`ailyus connection list`"
            )
        if release.people.get(by) is None:
            raise AilyusError("unknown_person", f"`{by}` is no declared person")
        rows = [row for row in await self._grants.rows(name) if person in ("", row.person)]
        if not rows:
            raise AilyusError("not_found", f"nobody has connected `{name}`", hint="`ailyus connection list`")
        ended = [EndedGrant(row.side, row.person, await self._revoke(target.oauth2, row)) for row in rows]
        now = self._journal.store.now_ms()
        changes = [
            ConnectionChange(
                event="disconnected",
                side=row.side,
                by=by,
                holder=row.person,
                account=row.account,
                scopes=row.scopes,
                revoked=one.revoked,
            )
            for row, one in zip(rows, ended, strict=True)
        ]
        sealed = [connection_statement(self._journal.notary, target, change, now) for change in changes]

        def work(txn: Txn) -> None:
            for statement in sealed:
                statement.insert(txn)
            self._grants.forget(txn, name, person)

        await self._journal.write((), work)
        log.info("disconnected", connection=name)
        return ended

    async def _revoke(self, client: OAuthClient, row: StoredGrant) -> bool:
        tokens = self._grants.opened(row)
        kind = "refresh_token" if tokens.refresh else "access_token"
        token = tokens.refresh or tokens.access
        return bool(token) and await self._servers.revoke(client, token, kind) is None
