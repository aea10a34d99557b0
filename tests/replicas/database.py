"""Replicas over one database."""

from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace


def with_database(workspace: Workspace, database: str) -> Workspace:
    (workspace.private / "secrets" / "store").write_text(database + "\n")
    path = workspace.root / FILE
    path.write_text(path.read_text() + '\n[store]\nurl = "file:.ailyus/secrets/store"\n')
    return Workspace.open(workspace.root)
