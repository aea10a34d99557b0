"""Commands about connections that sign in."""

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from contracts.text.visible_text import visible
from server.cli.answer import Answer, group, verb
from server.cli.choice import AsOption, person_of
from server.cli.exit_code import DONE, REFUSED
from server.cli.output import table
from server.cli.owner import asked
from server.cli.workspace_option import WorkspaceOption, open_workspace

connection = group("Connections: accounts that people connected, and their tokens.")
ConnectionArgument = Annotated[str, typer.Argument(help="A connection's name.")]
PersonOption = Annotated[str, typer.Option("--person", help="Whose account, where each person has one of their own.")]
_SECONDS: Final = 600
"""How long `sign-in` waits, and how long somebody may take at the vendor's pages."""


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """One side of a connection, or one person's; times are RFC 3339, empty where there is none."""

    connection: str
    kind: str
    tenant: str
    environment: str
    state: str
    side: str
    person: str
    account: str
    scopes: list[str]
    expires_at: str
    refreshed_at: str
    used_at: str
    connected_by: str
    connected_at: str
    reason: str
    next: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The page where it is connected, and the sides that are connected by now."""

    connection: str
    link: str
    redirect_uri: str
    connected: list[ConnectionLine]


@dataclass(frozen=True, slots=True)
class TestedConnection:
    """Whether a harmless read was answered, what was seen, and what to do next."""

    connection: str
    ok: bool
    says: str
    next: str


@dataclass(frozen=True, slots=True)
class EndedConnection:
    """Tokens that are forgotten; `revoked`: the vendor's server confirmed it."""

    side: str
    person: str
    revoked: bool


@dataclass(frozen=True, slots=True)
class _Link:
    """The page of a connection, as the gateway answers it."""

    link: str
    redirect_uri: str
    connected: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Tested:
    """A test, as the gateway answers it."""

    ok: bool
    says: str
    next: str = ""


@verb(connection, "sign-in")
def sign_in(
    name: ConnectionArgument,
    person: PersonOption = "",
    wait: Annotated[bool, typer.Option(help="Wait until it is connected, ten minutes at most.")] = True,
    workspace: WorkspaceOption = ".",
) -> Answer[SignedIn]:
    """Print the page where a person connects an account, and wait until they did: an admin, or the person named."""
    import time

    space = open_workspace(workspace)
    _require_connection(workspace, name)
    page = asked(space, "POST", f"/connections/{name}/link", _Link, {"person": person})
    opened = [
        f"open {page.link} and press connect",
        f"its app at the vendor has this redirect URI, exactly: {page.redirect_uri}",
    ]
    if page.connected and all(page.connected.values()):
        opened.append(f"`{name}` is connected already: this is for another account, or for its consent anew")
    if not wait:
        return Answer(SignedIn(name, page.link, page.redirect_uri, []), opened)
    for line in opened:  # before the wait: somebody has to open it
        typer.echo(line, err=True)
    end = time.monotonic() + _SECONDS
    while True:
        rows = asked(space, "GET", "/connections", list[ConnectionLine])
        done = {
            row.side: row
            for row in rows
            if (row.connection, row.person) == (name, person)
            and row.connected_at not in ("", page.connected.get(row.side, ""))
        }
        if done.keys() >= page.connected.keys():
            lines = [
                f"connected{_side(row.side)} as {_shown(row.account)}, by {row.connected_by}" for row in done.values()
            ]
            return Answer(SignedIn(name, page.link, page.redirect_uri, list(done.values())), lines)
        if time.monotonic() > end:
            raise AilyusError("not_connected", f"nobody connected `{name}` within ten minutes")
        time.sleep(1)


@verb(connection, "list")
def connections(workspace: WorkspaceOption = ".") -> Answer[list[ConnectionLine]]:
    """List the connections: account, state, scopes, when the token ends, was refreshed and was used last."""
    rows = asked(open_workspace(workspace), "GET", "/connections", list[ConnectionLine])
    columns = ("connection", "side", "person", "account", "state", "expires_at", "refreshed_at", "used_at", "scopes")
    following = dict.fromkeys(f"{row.connection}: {_following(row)}" for row in rows if _following(row))
    return Answer(rows, [*table(rows, columns), *following] if rows else ["the release has no connection"])


@verb(connection, "test")
def check(
    name: ConnectionArgument, person: PersonOption = "", workspace: WorkspaceOption = "."
) -> Answer[TestedConnection]:
    """Ask a connection by its harmless read, with the credential that reads; exit 1 where it is not answered."""
    _require_connection(workspace, name)
    found = asked(open_workspace(workspace), "POST", f"/connections/{name}/test", _Tested, {"person": person})
    following = [f"  hint: {found.next}"] if found.next else []
    lines = [f"{'OK  ' if found.ok else 'FAIL'} {name}: {found.says}", *following]
    return Answer(TestedConnection(name, found.ok, found.says, found.next), lines, code=DONE if found.ok else REFUSED)


@verb(connection, "sign-out")
def sign_out(
    name: ConnectionArgument,
    as_: AsOption = None,
    person: PersonOption = "",
    workspace: WorkspaceOption = ".",
) -> Answer[list[EndedConnection]]:
    """Revoke a connection's tokens at the vendor and forget them; without `--person` those of everybody.

    Without `--as` the one who signed in does it, if that is one person.
    """
    space = open_workspace(workspace)
    known = _require_connection(workspace, name)
    # who signed in is more likely to be here than anybody else, and may end it
    declared = {one.name for one in space.settings.people}
    signed_in = {row.connected_by for row in known if person in ("", row.person)} & declared
    by = person_of(space, signed_in.pop() if as_ is None and len(signed_in) == 1 else as_)
    rows = asked(space, "DELETE", f"/connections/{name}", list[EndedConnection], by=by, person=person)
    left = "; the server did not confirm it: revoke it there"
    said = [
        f"disconnected{_side(row.side)} {row.person or 'for all'}, as {by}{'' if row.revoked else left}" for row in rows
    ]
    return Answer(rows, says=said or ["nobody was connected"])


def _following(row: ConnectionLine) -> str:
    """What is to be known or done besides; of a token that the gateway fetches, why there is no time yet."""
    idle = "its token is fetched when it is needed" if row.state == "fetched" and not row.refreshed_at else ""
    return row.next or idle


def _require_connection(workspace: str, name: str) -> list[ConnectionLine]:
    space = open_workspace(workspace)
    rows = asked(space, "GET", "/connections", list[ConnectionLine])
    known = {row.connection for row in rows}
    if name in known:
        return [row for row in rows if row.connection == name]
    if name in space.settings.connections:
        hint = "it stands in ailyus.toml: make it live by `ailyus release apply --as PERSON`"
        raise AilyusError("not_found", f"the live release has no connection `{name}`", hint=hint)
    hint = did_you_mean(name, known, where="`ailyus connection list` names them")
    raise AilyusError("not_found", f"there is no connection `{name}`", hint=hint)


def _side(side: str) -> str:
    return "" if side == "both" else f" for {side}"


def _shown(account: str) -> str:
    return visible(account) or "an account that the server does not name"
