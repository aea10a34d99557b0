"""The signed statement of a connection: who connected which account with which scopes, was refused, or ended it."""

from dataclasses import dataclass
from typing import Literal

from contracts.action.oauth_client import Side
from contracts.action.target import Target
from contracts.canonical import new_id
from receipts.statement.gateway_facts import ConnectionFacts
from receipts.statement.statement import Notary, SignedStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChange:
    """What happened. `by` did it; `holder` uses the account, where each person connects one of their own."""

    event: Literal["connected", "refused", "disconnected"]
    side: Side
    by: str
    holder: str = ""
    account: str = ""
    scopes: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    reason: Literal["", "wider_scopes", "missing_scopes", "other_account"] = ""
    revoked: bool | None = None


def connection_statement(notary: Notary, target: Target, change: ConnectionChange, at_ms: int) -> SignedStatement:
    """Sign it. People and account stand in it as pseudonyms; their names are its evidence."""
    names = {"by": change.by, "holder": change.holder, "account": change.account}
    kinds = {"by": "person", "holder": "person", "account": "account"}
    hidden = {key: notary.pseudonym(target.tenant, kinds[key], name) for key, name in names.items() if name}
    facts = ConnectionFacts(
        event=change.event,
        connection=target.name,
        target=target.digest,
        side=change.side,
        by=hidden["by"],
        scopes=tuple(sorted(change.scopes)),
        declared=tuple(sorted(change.declared)),
    )
    more: dict[str, object] = {key: value for key, value in hidden.items() if key != "by"}
    if change.reason:
        more["reason"] = change.reason
    if change.revoked is not None:
        more["revoked"] = change.revoked
    return notary.sign_gateway_statement(
        facts.also(more),
        new_id("rcp"),
        target.tenant,
        {f"connection/{target.name}": target.digest},
        at_ms,
        {key: name.encode() for key, name in names.items() if name},
        tuple(dict.fromkeys(hidden.values())),
    )
