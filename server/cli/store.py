"""The store of a workspace, opened by a command for reading while the gateway writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from receipts.store import Read


@contextmanager
def reading(workspace: str) -> "Iterator[Read]":
    """The store of a workspace as it is now, for reading."""
    from receipts.sqlite import snapshot
    from server.settings import Workspace

    space = Workspace.open(Path(workspace).resolve())
    if not space.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
    with snapshot(space.store) as read:
        yield read
