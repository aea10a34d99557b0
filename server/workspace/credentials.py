"""The credentials of a workspace, as its settings say where they are and how long they are kept."""

from adapters.credentials.cache import Credentials, Lifetime
from adapters.credentials.program import Program, ProgramSource
from server.workspace.workspace import Workspace


def credentials_of(workspace: Workspace) -> Credentials:
    """The one object that a gateway, or a command, asks for every secret."""
    part = workspace.settings.credentials
    programs = {name: Program(one.command, one.timeout / 1000, one.environment) for name, one in part.exec.items()}
    lifetime = Lifetime(part.ttl / 1000, part.keep / 1000)
    return Credentials(workspace.root, lifetime, {"exec": ProgramSource(workspace.root, programs)})
