"""The store of a workspace, opened by a command for reading while the gateway writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import AilyusError


@contextmanager
def reading(workspace: str) -> Iterator[sqlite3.Connection]:
    """The store of a workspace, for reading."""
    from receipts.sqlite import connect
    from server.settings import Workspace

    space = Workspace.open(Path(workspace).resolve())
    if not space.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
    connection = connect(space.store, readonly=True)
    try:
        yield connection
    finally:
        connection.close()
