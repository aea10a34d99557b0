"""The option that names a workspace, and the workspace that it names."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

WorkspaceOption = Annotated[str, typer.Option("--workspace", "-w", help="The workspace's folder.")]


def open_workspace(folder: str) -> "Workspace":
    """The workspace in a folder, by its absolute path. Raises `AilyusError` where there is none."""
    from server.workspace.workspace import Workspace  # 0.1 s, which no help text has to wait for

    return Workspace.open(Path(folder).resolve())
