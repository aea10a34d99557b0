"""A gateway whose connection `books` signs in: contracts over the API of `tests/authorization_server.py`."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.connected import Connected, redirects
from tests.slowness import scaled_duration
from tests.world import ROOT, Sandbox, gateway, make_workspace, records_settings

PARTS = """
[connections.books]
kind = "books"
base_url = "{url}/api"
tenant = "acme"
environment = "staging"
auth = "oauth2"
max_timeout = "{time}"
max_settle = "5s"

[connections.books.oauth2]
grant = "{grant}"
issuer = "{url}"
client_id = "{client}"
client_secret = "file:.ailyus/secrets/books"
read_scopes = {read}
write_scopes = {write}
timeout = "{time}"
"""
POLICY = (
    '@id("support-may-use-books")\npermit (principal in Role::"Support", action in Action::"tag_books", resource);\n'
)


def books_workspace(
    folder: Path,
    sandbox: Sandbox,
    server: AuthorizationServer,
    *,
    grant: str = "authorization_code",
    sides: tuple[str, str] = ("records:read records:write", "records:read records:write"),
    database: str = "",
    more: str = "",
) -> Workspace:
    """A workspace whose agents may read and change books; `sides` are the scopes of reading and of writing."""
    read, write = (str(scopes.split()).replace("'", '"') for scopes in sides)
    times = {"time": scaled_duration("2s")}
    parts = PARTS.format(url=server.url, client=CLIENT, grant=grant, read=read, write=write, **times)
    workspace = make_workspace(folder, sandbox, extra=records_settings(sandbox) + parts + more, database=database)
    shutil.copytree(ROOT / "tests" / "vectors" / "books", folder / "contracts" / "books")
    shutil.copytree(ROOT / "tests" / "vectors" / "records", folder / "contracts" / "records")
    (folder / "policies" / "books.cedar").write_text(POLICY)
    for name, secret in (("books", SECRET), ("records-read", "x"), ("records-write", "x")):
        (workspace.private / "secrets" / name).write_text(secret + "\n")
    return Workspace.open(folder)


@asynccontextmanager
async def books(
    folder: Path, sandbox: Sandbox, server: AuthorizationServer, *, port: int = 0, **given: str | tuple[str, str]
) -> AsyncIterator[Connected]:
    """A gateway over such a workspace; where people sign in, `port` is that of the server's redirect URIs."""
    workspace = books_workspace(folder, sandbox, server, **given)  # type: ignore[arg-type]
    async with gateway(workspace, sandbox, port=port) as world:
        yield Connected(world, server)


@asynccontextmanager
async def consenting() -> AsyncIterator[tuple[AuthorizationServer, int]]:
    """An authorization server, and the port of the gateway to which it sends people back."""
    port = free_port()
    server = AuthorizationServer(redirects(f"http://localhost:{port}"))
    try:
        yield server, port
    finally:
        server.close()
