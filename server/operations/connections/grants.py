"""The grants of a gateway's connections: tokens go in sealed and come out where they are sent, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.oauth.token_answer import TokenAnswer
from contracts.action.oauth_client import Side
from contracts.action.target import Target
from contracts.errors import AilyusError
from receipts.journal.secret_vault import SecretVault
from receipts.journal.token_seal import TokenSeal
from receipts.store.store import Store
from receipts.store.transaction import Txn
from receipts.tables import grants
from receipts.tables.grants import NewGrant, SealedTokens, StoredGrant

_LONGEST_AHEAD_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class OpenedTokens:
    """The tokens of a grant; empty where there is none."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


class Grants:
    """What people's sign-ins gave, in one store."""

    def __init__(self, store: Store, vault: SecretVault) -> None:
        self.store = store
        self._seal = TokenSeal(vault)

    def granted(
        self, target: Target, side: Side, person: str, answer: TokenAnswer, *, account: str, connected_by: str
    ) -> NewGrant:
        """The row for what a sign-in gave, to be put in the commit of the statement that tells of it."""
        client = target.oauth2
        if client is None or not client.is_stored or side not in client.sides or client.per_person is not bool(person):
            raise AilyusError("internal", f"nobody signs in for the side `{side}` of `{target.name}`")
        reference = target.write if side == "write" else target.read
        grant = reference.replace("{person}", person)
        return NewGrant(
            id=grant,
            connection=target.name,
            side=side,
            tenant=target.tenant,
            person=person,
            account=account,
            scopes=tuple(sorted(answer.scopes)) if answer.scopes is not None else client.scopes(side),
            connected_by=connected_by,
            tokens=self.sealed(grant, answer, answer.refresh_token),
        )

    def put(self, txn: Txn, grant: NewGrant) -> None:
        """Keep it, in place of what the same side had before."""
        grants.put(txn, grant)

    def forget(self, txn: Txn, connection: str, person: str = "") -> int:
        """Delete the grants of a connection, or of one person at it; how many there were."""
        return grants.forget(txn, connection, person)

    async def rows(self, connection: str = "") -> Sequence[StoredGrant]:
        """The grants of one connection, or of all."""
        return await grants.all_of(self.store, connection)

    async def find(self, grant: str) -> StoredGrant | None:
        """A grant by its id: the reference of its tokens."""
        return await grants.find(self.store, grant)

    def opened(self, row: StoredGrant) -> OpenedTokens:
        """Its tokens, for a request that carries them, their refresh, or their revocation."""
        return OpenedTokens(
            self._seal.opened(row.id, "access", row.tokens.access),
            self._seal.opened(row.id, "refresh", row.tokens.refresh),
        )

    def sealed(self, grant: str, answer: TokenAnswer, refresh: str) -> SealedTokens:
        """Tokens as they are kept, with the time at which they are to be refreshed."""
        now, expires, due = self.store.now_ms(), None, None
        if answer.expires_in is not None:
            lasts = answer.expires_in * 1000
            expires = now + lasts
            # without a refresh token nothing is due before the end, and then a person is
            due = expires - min(_LONGEST_AHEAD_MS, lasts // 4) if refresh else expires
        return SealedTokens(
            self._seal.sealed(grant, "access", answer.access_token),
            self._seal.sealed(grant, "refresh", refresh),
            expires,
            due,
        )


def is_of(row: StoredGrant, target: Target) -> bool:
    """Does a grant belong to a connection as it is now? One that was signed in for another place is of no use to it."""
    return row.id in {one.replace("{person}", row.person) for one in (target.read, target.write)}
