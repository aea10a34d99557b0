"""Commands that stop things, answer calls for help, and open the console: halt, unhalt, halts, escalation, console."""

from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner, list_owner
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

escalation = typer.Typer(help="Calls for help, and who took them on.", no_args_is_help=True)
console = typer.Typer(help="The console, where people approve with passkeys.", no_args_is_help=True)
ByOption = Annotated[str, typer.Option("--as", help="The person who does it.")]
ScopeArgument = Annotated[str, typer.Argument(help="all, connection, contract, agent or route.")]
NameArgument = Annotated[str, typer.Argument(help="Which one; left out for all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("halt", halt), ("unhalt", unhalt), ("halts", halts)):
        app.command(name)(report_errors(command))
    escalation.command("list")(report_errors(escalations))
    escalation.command("ack")(report_errors(acknowledge))
    app.add_typer(escalation, name="escalation")
    console.command("link")(report_errors(console_link))
    app.add_typer(console, name="console")


def halt(
    scope: ScopeArgument,
    name: NameArgument = "",
    as_: ByOption = "lead",
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "halted by hand",
    allow_undo: Annotated[bool, typer.Option("--allow-undo", help="Undo steps may go on.")] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Stop everything, a connection, a contract or an agent: nothing new is sent from now on."""
    body = {"scope": _scope(scope), "name": name, "by": as_, "reason": reason, "allow_undo": allow_undo}
    result = ask_owner(open_workspace(workspace), "POST", "/halts", body)
    wire = result.get("on_the_wire") if isinstance(result, dict) else None
    # what has left cannot be called back: whoever halts must know of it
    sent = len(wire) if isinstance(wire, list) else 0
    show(format, result, [f"halted: {scope} {name}".rstrip() + f"; {sent} requests are on the wire and are read back"])


def unhalt(
    scope: ScopeArgument,
    name: NameArgument = "",
    as_: ByOption = "lead",
    workspace: WorkspaceOption = ".",
) -> None:
    """Lift a halt: what waited goes on where it stopped."""
    space = open_workspace(workspace)
    ask_owner(space, "DELETE", f"/halts/{_scope(scope)}/{name or '-'}", by=as_)


def halts(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List what is halted, by whom and why, and what is on the wire."""
    result = ask_owner(open_workspace(workspace), "GET", "/halts")
    facts = result if isinstance(result, dict) else {}
    found = facts.get("halts")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    show(format, facts, table(rows, ("scope", "name", "by", "reason")) if rows else ["nothing is halted"])


def escalations(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List what nobody has acknowledged."""
    rows = list_owner(open_workspace(workspace), "/escalations")
    columns = ("escalation", "route", "contract", "status", "action")
    show(format, rows, table(rows, columns) if rows else ["nobody is waited for"])


def acknowledge(
    escalation_id: Annotated[str, typer.Argument(help="The escalation's id, as `escalation list` shows it.")],
    as_: ByOption = "lead",
    workspace: WorkspaceOption = ".",
) -> None:
    """Take an escalation on: the next route is not told any more."""
    space = open_workspace(workspace)
    ask_owner(space, "POST", f"/escalations/{escalation_id}", {"person": as_})


def _scope(scope: str) -> str:
    if scope not in ("all", "connection", "contract", "agent", "route"):
        hint = "all, connection NAME, contract NAME, agent NAME or route NAME"
        raise AilyusError("bad_settings", f"`{scope}` cannot be halted", hint=hint)
    return scope


def console_link(
    person: Annotated[str, typer.Argument(help="The declared person who brings a passkey.")],
    workspace: WorkspaceOption = ".",
) -> None:
    """Print the link by which a person brings a passkey: once, within ten minutes, while few admins have one."""
    result = ask_owner(open_workspace(workspace), "POST", "/introductions", {"person": person})
    typer.echo(str(result["link"]) if isinstance(result, dict) else "")
