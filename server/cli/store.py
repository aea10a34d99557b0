"""The store of a workspace, opened by a command for reading while the gateway writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from receipts.store.row import Read


@contextmanager
def reading(workspace: str) -> "Iterator[Read]":
    """The store of a workspace as it is now, for reading."""
    from server.workspace import stores
    from server.workspace.workspace import Workspace

    with stores.reading(Workspace.open(Path(workspace).resolve())) as read:
        yield read
