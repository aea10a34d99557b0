"""Commands about connections that sign in: connect, list, test, disconnect."""

from typing import Annotated

import typer
from pydantic import JsonValue

from contracts.errors import AilyusError
from server.admin.client import ask_owner, list_owner
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

connection = typer.Typer(help="Connections: accounts that people connected, and their tokens.", no_args_is_help=True)
ConnectionArgument = Annotated[str, typer.Argument(help="A connection's name.")]
PersonOption = Annotated[str, typer.Option("--person", help="Whose account, where each person has one of their own.")]
_SECONDS = 600
"""How long `connect` waits, and how long somebody may take at the vendor's pages."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    connection.command("connect")(report_errors(connect))
    connection.command("list")(report_errors(connections))
    connection.command("test")(report_errors(check))
    connection.command("disconnect")(report_errors(disconnect))
    app.add_typer(connection, name="connection")


def connect(
    name: ConnectionArgument,
    person: PersonOption = "",
    wait: Annotated[bool, typer.Option(help="Wait until it is connected, ten minutes at most.")] = True,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print the page where a person connects an account, and wait until they did: an admin, or the person named."""
    import time

    space = open_workspace(workspace)
    said = ask_owner(space, "POST", f"/connections/{name}/link", {"person": person})
    facts = said if isinstance(said, dict) else {}
    before = facts.get("connected")
    known = before if isinstance(before, dict) else {}
    typer.echo(f"open {facts.get('link')} and press connect")
    typer.echo(f"its app at the vendor has this redirect URI, exactly: {facts.get('redirect_uri')}")
    end = time.monotonic() + _SECONDS
    while wait:
        rows = [
            row for row in list_owner(space, "/connections") if (row["connection"], row["person"]) == (name, person)
        ]
        done = {
            str(row["side"]): row for row in rows if row["connected_at"] not in ("", known.get(str(row["side"]), ""))
        }
        if done.keys() >= known.keys():
            for row in done.values():
                typer.echo(f"connected{_side(row)} as {_shown(row['account'])}, by {row['connected_by']}")
            return
        if time.monotonic() > end:
            raise AilyusError("not_connected", f"nobody connected `{name}` within ten minutes")
        time.sleep(1)


def connections(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the connections: account, state, scopes, when the token ends, was refreshed and was used last."""
    rows = list_owner(open_workspace(workspace), "/connections")
    columns = ("connection", "side", "person", "account", "state", "expires_at", "refreshed_at", "used_at", "scopes")
    printed = [{**row, "scopes": " ".join(map(str, _list(row["scopes"])))} for row in rows]
    following = dict.fromkeys(f"{row['connection']}: {row['next']}" for row in rows if row["next"])
    show(format, rows, [*table(printed, columns), *following] if rows else ["the release has no connection"])


def check(
    name: ConnectionArgument,
    person: PersonOption = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Ask a connection by its harmless read, with the credential that reads; exit 1 where it is not answered."""
    said = ask_owner(open_workspace(workspace), "POST", f"/connections/{name}/test", {"person": person})
    found = said if isinstance(said, dict) else {}
    following = [f"  hint: {found['next']}"] if found.get("next") else []
    show(format, found, [f"{'ok' if found.get('ok') else 'FAIL'} {name}: {found.get('says')}", *following])
    if not found.get("ok"):
        raise typer.Exit(1)


def disconnect(
    name: ConnectionArgument,
    as_: Annotated[str, typer.Option("--as", help="The person who does it.")] = "lead",
    person: PersonOption = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Revoke a connection's tokens at the vendor and forget them; without `--person` those of everybody."""
    said = ask_owner(open_workspace(workspace), "DELETE", f"/connections/{name}", by=as_, person=person)
    rows = [row for row in _list(said) if isinstance(row, dict)]
    left = "; the server did not confirm it: revoke it there"
    lines = [f"disconnected{_side(row)} {row['person'] or 'for all'}{'' if row['revoked'] else left}" for row in rows]
    show(format, rows, lines)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _side(row: dict[str, JsonValue]) -> str:
    return "" if row["side"] == "both" else f" for {row['side']}"


def _shown(account: JsonValue) -> str:
    from contracts.text.visible_text import visible

    return visible(str(account)) or "an account that the server does not name"
