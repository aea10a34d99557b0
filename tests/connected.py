"""A gateway with connections that people sign in for, and the authorization server where they do."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from receipts.log.signing import Envelope
from server.console.session import ConsoleSession
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.slowness import scaled_duration
from tests.web import web
from tests.world import Sandbox, World, add_record_contracts, gateway, make_workspace, with_server

NAMES = ("books", "company", "notes", "records")
PARTS = """
[[people]]
name = "outsider"
tenant = "globex"
roles = ["SecurityLead"]

[connections.books]                       # one account for all, one token for both sides
kind = "books"
base_url = "{url}/api"
tenant = "acme"
environment = "prod"
auth = "oauth2"
check = "/me"

[connections.books.oauth2]
grant = "authorization_code"
issuer = "{url}"
client_id = "{client}"
client_secret = "file:.ailyus/secrets/books"
read_scopes = ["openid", "email", "records:read", "records:write"]
write_scopes = ["openid", "email", "records:read", "records:write"]

[connections.company]                     # one account for all, and no other than this
kind = "company"
base_url = "{url}/api"
tenant = "acme"
environment = "prod"
auth = "oauth2"
check = "/me"

[connections.company.oauth2]
grant = "authorization_code"
issuer = "{url}"
client_id = "{client}"
client_secret = "file:.ailyus/secrets/books"
read_scopes = ["records:read"]
write_scopes = ["records:read"]
account = "check.email"
expect_account = "company@example.com"

[connections.notes]                       # each person an account of their own
kind = "notes"
base_url = "{url}/api"
tenant = "acme"
environment = "prod"
auth = "oauth2"
check = "/me"

[connections.notes.oauth2]
grant = "authorization_code"
issuer = "{url}"
client_id = "{client}"
client_secret = "file:.ailyus/secrets/books"
read_scopes = ["records:read"]
write_scopes = ["records:read"]
per_person = true
account = "check.email"
"""


def redirects(console: str) -> tuple[str, ...]:
    """The redirect URIs of a console's connections."""
    return tuple(f"{console}/connections/{name}/back" for name in NAMES)


OWN_RECORDS = """
[connections.records]                     # what agents use: each person's own account
kind = "records"
base_url = "{url}/api"
tenant = "acme"
environment = "staging"
auth = "oauth2"
direct = true
max_settle = "{settle}"

[connections.records.oauth2]
grant = "authorization_code"
issuer = "{url}"
client_id = "{client}"
client_secret = "file:.ailyus/secrets/books"
read_scopes = ["records:read"]
write_scopes = ["records:read", "records:write"]
per_person = true

[escalations.records-oncall]
webhook = "http://127.0.0.1:{sandbox}/_sandbox/oncall"
"""
"""The connection of the contracts of tests/vectors/records."""


@dataclass
class Connected:
    """A running gateway, its authorization server, and browsers of people by plain HTTP."""

    world: World
    server: AuthorizationServer

    @property
    def console(self) -> str:
        return self.world.app.console.url

    async def session(self, person: str) -> ConsoleSession:
        """A session as somebody has it who signed in."""
        sessions = self.world.app.console._sessions
        found = self.world.app.runner.release.people.get(person)
        assert found is not None
        session = await sessions.find(await sessions.open_for(found))
        assert session is not None
        return session

    async def visit(self, session: ConsoleSession, address: str, form: dict[str, str] | None = None) -> httpx2.Response:
        """One page for that session; a form is sent as its own page would."""
        url = address if address.startswith("http") else self.console + address
        headers = {"cookie": f"__Host-ailyus={session.secret}"}
        async with web(timeout=30) as browser:
            if form is None:
                return await browser.get(url, headers=headers)
            origin = f"{urlsplit(self.console).scheme}://{urlsplit(self.console).netloc}"
            token = session.token(urlsplit(address).path)
            return await browser.post(url, data={**form, "token": token}, headers={**headers, "origin": origin})

    async def asked(self, session: ConsoleSession, name: str = "books", side: str = "both") -> str:
        """The address at which this person gives their consent."""
        page = await self.visit(session, f"/connections/{name}/authorize", {"side": side})
        assert page.status_code == 200, page.text
        return page.text.partition('<a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")

    async def connect(self, person: str = "lead", name: str = "books", side: str = "both") -> httpx2.Response:
        """The whole way of one person; what the console answers to their browser when it comes back."""
        session = await self.session(person)
        return await self.visit(session, self.server.consent(await self.asked(session, name, side)))

    def statements(self) -> list[dict[str, Any]]:
        """What the log says of connections, oldest first, and in `names` the evidence of each."""
        import orjson

        found = []
        sql = "SELECT leaf_index, envelope FROM statements WHERE kind = 'connection' ORDER BY leaf_index"
        for leaf, envelope in self.world.rows(sql):
            said = orjson.loads(Envelope.decode(bytes(envelope)).payload)["predicate"]
            evidence = self.world.rows("SELECT label, data FROM evidence WHERE leaf_index = ?", leaf)
            found.append({**said, "names": {str(label): bytes(data).decode() for label, data in evidence}})
        return found


def connected_workspace(
    folder: Path, sandbox: Sandbox, server: AuthorizationServer, *, database: str = "", more: str = ""
) -> Workspace:
    """A workspace with the connections of `PARTS`."""
    settle = scaled_duration("300ms")
    own = OWN_RECORDS.format(url=server.url, client=CLIENT, sandbox=sandbox.port, settle=settle)
    parts = PARTS.format(url=server.url, client=CLIENT) + own
    workspace = make_workspace(folder, sandbox, extra=parts + more, database=database)
    add_record_contracts(workspace.root)
    (workspace.private / "secrets" / "books").write_text(SECRET + "\n")
    return Workspace.open(workspace.root)


@asynccontextmanager
async def connected(
    folder: Path, sandbox: Sandbox, *, database: str = "", more: str = "", base_path: str = ""
) -> AsyncIterator[Connected]:
    """A gateway with such connections, and an authorization server of its own, which knows its redirect URIs."""
    with console_server(base_path) as (server, port):
        async with connected_to(
            server, port, folder, sandbox, database=database, more=more, base_path=base_path
        ) as one:
            yield one


@contextmanager
def console_server(base_path: str = "") -> Iterator[tuple[AuthorizationServer, int]]:
    """An authorization server for gateways on one port, one after another; and that port."""
    port = free_port()
    server = AuthorizationServer(redirects(f"http://localhost:{port}{base_path}"))
    try:
        yield server, port
    finally:
        server.close()


@asynccontextmanager
async def connected_to(
    server: AuthorizationServer,
    port: int,
    folder: Path,
    sandbox: Sandbox,
    *,
    database: str = "",
    more: str = "",
    base_path: str = "",
) -> AsyncIterator[Connected]:
    """A gateway with such connections on that port."""
    workspace = connected_workspace(folder, sandbox, server, database=database, more=more)
    if base_path:
        workspace = with_server(workspace, f'base_path = "{base_path}"')
    async with gateway(workspace, sandbox, port=port) as world:
        yield Connected(world, server)
