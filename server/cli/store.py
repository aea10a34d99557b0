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


@contextmanager
def reading_of(workspace: str, id_: str) -> "Iterator[Read]":
    """The same, with the archive that holds an action or a receipt. Raises `archived` where that is not at hand."""
    from server.cli.workspace_option import open_workspace
    from server.workspace import archives

    with archives.reading_of(open_workspace(workspace), id_) as read:
        yield read
