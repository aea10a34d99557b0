"""The access tokens of a rehearsal: those that people's sign-ins gave to the workspace, without what could renew them.

They are sealed anew in the rehearsal's own store, which is gone with it. A refresh token stays where it is: used here,
it would be used up there.
"""

import asyncio
from collections.abc import Iterable

from adapters.oauth.token_answer import TokenAnswer
from contracts.action.oauth_client import Side
from contracts.action.target import Target
from contracts.errors import AilyusError
from receipts.journal.secret_vault import SecretVault
from receipts.journal.token_seal import TokenSeal
from receipts.store.transaction import Txn
from receipts.tables import grants
from receipts.tables.grants import NewGrant, StoredGrant
from server.app import App
from server.operations.connections.grants import is_of
from server.workspace.stores import reading, sealing_key
from server.workspace.workspace import Workspace


async def lend_tokens(
    workspace: Workspace, app: App, connected: Target, targets: Iterable[Target], person: str
) -> None:
    """Give a rehearsal the tokens of the workspace's connection, for each of these targets that stand for it.

    Raises `not_connected` where nobody signed in, or where what is there has ended.
    """
    client = connected.oauth2
    if client is None or not client.is_stored:
        return
    holder = person if client.per_person else ""
    # a database is read by a loop of its own
    rows = await asyncio.to_thread(_rows, workspace, connected.name)
    own = {row.side: row for row in rows if row.person == holder and is_of(row, connected)}
    seal = TokenSeal(SecretVault(app.store, await asyncio.to_thread(sealing_key, workspace)))
    new = [_granted(app, target, side, own.get(side), seal, holder) for target in targets for side in client.sides]

    def work(txn: Txn) -> None:
        for grant in new:
            app.connections.grants.put(txn, grant)

    await app.store.write(work)


def _rows(workspace: Workspace, connection: str) -> list[StoredGrant]:
    with reading(workspace) as read:
        return grants.of_connection(read, connection)


def _granted(app: App, target: Target, side: Side, row: StoredGrant | None, seal: TokenSeal, holder: str) -> NewGrant:
    if row is None:
        hint = f"connect it: `ailyus connection sign-in {target.name}`"
        raise AilyusError("not_connected", f"nobody signed in to `{target.name}`", hint=hint)
    left = None if row.tokens.expires_ms is None else (row.tokens.expires_ms - app.store.now_ms()) // 1000
    token = seal.opened(row.id, "access", row.tokens.access)
    if not token or (left is not None and left <= 0):
        hint = "start the gateway, which refreshes it, or connect it anew"
        raise AilyusError("not_connected", f"the access token of `{target.name}` has ended", hint=hint)
    answer = TokenAnswer(token, expires_in=left, scopes=frozenset(row.scopes))
    return app.connections.grants.granted(
        target, side, holder, answer, account=row.account, connected_by=row.connected_by
    )
