"""The credentials of a workspace, as its settings say where they are and how long they are kept."""

from adapters.credentials.cache import Credentials, Lifetime
from adapters.credentials.program import ProgramSource, SecretProgram
from adapters.credentials.reference import Kind
from adapters.credentials.source import Source
from adapters.credentials.vault import VaultServer, VaultSource
from server.workspace.settings.credentials import VaultPart
from server.workspace.targets import targets_of
from server.workspace.workspace import Workspace


def credentials_of(workspace: Workspace) -> Credentials:
    """The one object that a gateway, or a command, asks for every secret."""
    part, root = workspace.settings.credentials, workspace.root
    lifetime = Lifetime(part.ttl / 1000, part.keep / 1000)
    programs = {
        name: SecretProgram(one.command, one.timeout / 1000, one.environment) for name, one in part.exec.items()
    }
    sources: dict[Kind, Source] = {"exec": ProgramSource(root, programs)}
    if part.vault is not None:
        # what opens Vault is read without it
        server = _server(part.vault, Credentials(root, lifetime, sources))
        sources = {**sources, "vault": VaultSource(server)}
    credentials = Credentials(root, lifetime, sources)
    # what people's sign-ins gave is in the store, and a gateway puts both in the place of this
    if any(one.oauth2 is not None for one in workspace.settings.connections.values()):
        from adapters.oauth.authorization_servers import AuthorizationServers  # 0.1 s, for connections that sign in
        from adapters.oauth.client_tokens import ClientTokens

        credentials.tokens = ClientTokens(AuthorizationServers(credentials))
        credentials.tokens.declare(targets_of(workspace.settings).values())
    return credentials


def _server(part: VaultPart, opens: Credentials) -> VaultServer:
    return VaultServer(
        part.address,
        lambda: opens.read(part.opener) or "",
        part.auth,
        part.role,
        part.mount,
        part.namespace,
        part.engine,
        part.timeout / 1000,
    )
