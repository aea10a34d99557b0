"""The rotation of one of the gateway's own keys where no gateway runs beside this command."""

import asyncio
from typing import TYPE_CHECKING

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from server.workspace.log_key import open_log_key
from server.workspace.log_key_rotation import LogKeyRotation, rotate_log
from server.workspace.stores import open_store, sealing_key

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace


async def rotate_here(workspace: "Workspace", by: str, reason: str) -> LogKeyRotation:
    """Rotate the log's key in the store itself: a file that nobody uses, or a database, as one of its replicas."""
    if not workspace.settings.has_database and not workspace.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
    signer = Signer(await asyncio.to_thread(open_log_key, workspace))
    store = await asyncio.to_thread(open_store, workspace, signer)
    try:
        journal = Journal(store, signer, sealing_key(workspace))
        await journal.load()
        return await rotate_log(workspace, journal, by, reason)
    finally:
        await store.aclose()
