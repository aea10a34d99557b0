"""The way to the running gateway on this machine, wherever its settings let it listen."""

from urllib.parse import unquote, urlsplit

import httpx2

from adapters.tls import no_trust, pinned
from contracts.errors import AilyusError
from server.listener.listener import UNIX_SCHEME
from server.workspace.public_address import ListenAddress
from server.workspace.settings.server import ServerPart
from server.workspace.workspace import Workspace


class OwnerClients:
    """A client for each address that the gateway of a workspace announced, with the address to ask for."""

    def __init__(self, workspace: Workspace, timeout: float) -> None:
        self._workspace = workspace
        self._timeout = timeout
        self._known: dict[str, tuple[httpx2.AsyncClient, str]] = {}
        self._made: list[httpx2.AsyncClient] = []

    def to(self, announced: str) -> tuple[httpx2.AsyncClient, str]:
        """The client for it. Raises `AilyusError`."""
        if announced not in self._known:
            transport, url = way_to(self._workspace, announced)
            client = httpx2.AsyncClient(transport=transport, timeout=self._timeout, trust_env=False)
            self._made.append(client)
            self._known[announced] = (client, url)
        return self._known[announced]

    def renew(self, announced: str) -> None:
        """Whoever asks next has a new one, which knows the certificate as it is by then."""
        if announced.startswith("https:"):
            self._known.pop(announced, None)

    async def close(self) -> None:
        """Give all connections up."""
        for client in self._made:
            await client.aclose()


def way_to(workspace: Workspace, url: str) -> tuple[httpx2.AsyncHTTPTransport, str]:
    """The transport for an address that a gateway announced, and the address to ask for. Raises `AilyusError`."""
    parts = urlsplit(url)
    if parts.scheme == UNIX_SCHEME:
        transport = httpx2.AsyncHTTPTransport(verify=no_trust(), uds=unquote(parts.netloc))
        return transport, f"http://localhost{parts.path}"
    if parts.scheme != "https":
        return httpx2.AsyncHTTPTransport(verify=no_trust()), url
    path = workspace.root / workspace.settings.server.certificate
    try:
        return httpx2.AsyncHTTPTransport(verify=pinned(path.read_bytes())), url
    except (OSError, ValueError, IndexError):
        hint = "see `certificate` under [server]"
        raise AilyusError("no_owner", f"the gateway's certificate `{path.name}` cannot be read", hint=hint) from None


def bound_of(part: ServerPart, announced: str) -> ListenAddress:
    """Where the gateway listens: as it announced it, or where the settings let the next one listen."""
    parts = urlsplit(announced)
    if parts.scheme == UNIX_SCHEME or (not announced and part.socket):
        return ListenAddress("", None)
    return ListenAddress(part.host, parts.port or part.port)
