"""The connections of a release with what people connected: account, scopes, expiry, last refresh and use, state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Literal

from adapters.oauth.client_tokens import TokenTimes
from contracts.action.target import Target
from receipts.tables.grants import StoredGrant
from server.operations.connections.grants import is_of
from server.results.timestamp import iso

ConnectionState = Literal["ready", "refreshing", "needs_person", "not_connected", "obsolete", "fetched", "by_reference"]
_NEXT: Mapping[ConnectionState, str] = MappingProxyType(
    {
        "needs_person": "a person connects it anew: `ailyus connection sign-in NAME`",
        "not_connected": "a person connects it: `ailyus connection sign-in NAME`",
        "obsolete": "it was connected for what the connection was before: connect it anew",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """One side of one connection, or one person's; times as RFC 3339, empty where there is none.

    `obsolete`: the connection is another one now than when somebody signed in. `fetched`: the gateway gets its tokens
    by itself, and the times are those of the one that this replica has; without times it has none until it is needed.
    `by_reference`: it has no tokens but a credential behind a reference.
    """

    connection: str
    kind: str
    tenant: str
    environment: str
    state: ConnectionState
    side: str = ""
    person: str = ""
    account: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: str = ""
    refreshed_at: str = ""
    used_at: str = ""
    connected_by: str = ""
    connected_at: str = ""
    reason: str = ""

    @property
    def next(self) -> str:
        """What a person has to do; empty where nothing is to be done."""
        return _NEXT.get(self.state, "").replace("NAME", self.connection)

    def document(self) -> dict[str, object]:
        """As it is printed and answered."""
        return {**asdict(self), "scopes": list(self.scopes), "next": self.next}


def connection_rows(
    targets: Iterable[Target], grants: Sequence[StoredGrant], times: Mapping[str, TokenTimes] = MappingProxyType({})
) -> list[ConnectionRow]:
    """A row for each side that somebody connected or has to, and one for each other connection, by name.

    `times` are those of the tokens that the gateway fetched by itself, by reference.
    """
    return [row for target in sorted(targets, key=lambda t: t.name) for row in _of_target(target, grants, times)]


def _of_target(target: Target, grants: Sequence[StoredGrant], times: Mapping[str, TokenTimes]) -> list[ConnectionRow]:
    client = target.oauth2
    if client is None:
        return [_empty(target, "by_reference")]
    if not client.is_stored:
        references = {side: target.write if side == "write" else target.read for side in client.sides}
        return [_fetched(_empty(target, "fetched", side), times.get(own)) for side, own in references.items()]
    own = [grant for grant in grants if grant.connection == target.name]
    rows = [_connected(target, grant) for grant in own]
    live = {grant.side for grant in own if is_of(grant, target)}
    return rows + [_empty(target, "not_connected", side) for side in client.sides if side not in live]


def _empty(target: Target, state: ConnectionState, side: str = "") -> ConnectionRow:
    scopes = target.oauth2.scopes(side) if target.oauth2 is not None and side in target.oauth2.sides else ()
    return ConnectionRow(
        connection=target.name,
        kind=target.kind,
        tenant=target.tenant,
        environment=target.environment,
        state=state,
        side=side,
        scopes=scopes,
    )


def _fetched(row: ConnectionRow, times: TokenTimes | None) -> ConnectionRow:
    if times is None:
        return row
    return replace(row, expires_at=_time(times.expires_ms), refreshed_at=_time(times.fetched_ms))


def _connected(target: Target, grant: StoredGrant) -> ConnectionRow:
    return ConnectionRow(
        connection=target.name,
        kind=target.kind,
        tenant=target.tenant,
        environment=target.environment,
        state=grant.state if is_of(grant, target) else "obsolete",
        side=grant.side,
        person=grant.person,
        account=grant.account,
        scopes=grant.scopes,
        expires_at=_time(grant.tokens.expires_ms),
        refreshed_at=_time(grant.refreshed_ms if grant.refreshed_ms > grant.connected_ms else None),
        used_at=_time(grant.used_ms),
        connected_by=grant.connected_by,
        connected_at=_time(grant.connected_ms),
        reason=grant.reason,
    )


def _time(at_ms: int | None) -> str:
    return iso(at_ms) if at_ms else ""
