"""The secrets of a rehearsal: at each fault a new handle in place of each secret input, kept in its own store."""

import secrets
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.compiler.program import Program
from receipts.journal.secret_vault import HandleOwner
from server.app import App


async def lend_secrets(
    app: App, program: Program, owner: HandleOwner, given: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The inputs with handles: of the values that are given, else of random ones."""
    values = {
        name: (str(given.get(name) or secrets.token_urlsafe(24)), (f"{program.name}.{name}",))
        for name in sorted(program.secret_inputs)
    }
    if not values:
        return dict(given)
    journal = app.journal
    handles, minted = journal.handles.seal(owner, None, "rehearsal", values, journal.store.now_ms())
    await journal.store.write(minted.insert)
    return {**given, **handles}
