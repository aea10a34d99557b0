"""A connection that somebody signed in to at a token endpoint, and replicas that use its tokens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.client_tokens import ClientTokens
from adapters.oauth.token_answer import TokenAnswer
from contracts.action.target import Target
from receipts.journal.journal import Journal
from receipts.tables.grants import StoredGrant
from server.operations.connections.access_tokens import AccessTokens
from server.operations.connections.grants import Grants
from tests.adapters.oauth.clients import asking, client_of, target_of
from tests.token_endpoint import TokenEndpoint, token_endpoint


@dataclass
class SignedIn:
    """One connection `crm`, its endpoint, and as many replicas as are asked for over one store."""

    endpoint: TokenEndpoint
    target: Target
    grants: Grants
    servers: AuthorizationServers
    replicas: list[AccessTokens]

    def replica(self) -> AccessTokens:
        """Another gateway over the same store: it shares nothing else with the others."""
        made = AccessTokens(ClientTokens(self.servers), self.grants)
        made.declare([self.target])
        self.replicas.append(made)
        return made

    async def sign_in(self, expires_in: int | None = 3600, refresh: str = "rt-0", person: str = "") -> StoredGrant:
        """What a person's sign-in gave: the access token `at-0`, which ends in so many seconds."""
        self.endpoint.refresh = refresh
        answer = TokenAnswer("at-0", refresh, expires_in)
        new = self.grants.granted(self.target, "both", person, answer, account="bot@acme", connected_by="olga")
        await self.grants.store.write(lambda txn: self.grants.put(txn, new))
        return await self.row(person)

    async def row(self, person: str = "") -> StoredGrant:
        found = await self.grants.find(self.target.read.replace("{person}", person))
        assert found is not None
        return found


@asynccontextmanager
async def signed_in(journal: Journal, folder: Path, **client: Any) -> AsyncIterator[SignedIn]:
    """The connection, with nobody signed in yet."""
    async with token_endpoint() as endpoint, asking(folder) as servers:
        target = target_of(client_of(endpoint, grant="authorization_code", **client))
        made = SignedIn(endpoint, target, Grants(journal.store, journal.handles), servers, [])
        yield made
        for replica in made.replicas:
            await replica.close()
