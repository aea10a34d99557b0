"""The store of a workspace, opened by a command for reading while the gateway writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from receipts.store.row import Read


@contextmanager
def reading(workspace: str) -> "Iterator[Read]":
    """The store of a workspace as it is now, for reading."""
    from server.cli.workspace_option import open_workspace
    from server.workspace import stores

    with stores.reading(open_workspace(workspace)) as read:
        yield read
