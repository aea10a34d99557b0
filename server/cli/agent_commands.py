"""Commands about agents and their tokens."""

import os
from typing import Annotated

import typer

from server.admin.client import ask_owner, list_owner
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

agent = typer.Typer(help="Agents and their tokens.", no_args_is_help=True)
AgentArgument = Annotated[str, typer.Argument(help="The agent's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("list", agents), ("add", add_agent), ("promote", promote_agent), ("revoke", revoke_agent)):
        agent.command(name)(report_errors(command))
    app.add_typer(agent, name="agent")


def agents(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the agents."""

    rows = list_owner(open_workspace(workspace), "/agents")
    show(format, rows, table(rows, ("name", "tenant", "owner", "person", "roles", "observe_only", "revoked")))


def add_agent(
    name: AgentArgument,
    owner: Annotated[
        str, typer.Option(help="The person who owns it; it acts for them unless --person is given.")
    ] = "requester",
    person: Annotated[str | None, typer.Option(help="The person it acts for.")] = None,
    tenant: Annotated[str, typer.Option(help="The tenant that it belongs to.")] = "acme",
    role: Annotated[list[str] | None, typer.Option(help="A role of the agent.")] = None,
    observe: Annotated[
        bool, typer.Option(help="Reads run; writes are decided, previewed and receipted, never sent.")
    ] = False,
    workspace: WorkspaceOption = ".",
) -> None:
    """Register an agent; its token goes to its own file (0600) and is shown nowhere."""

    space = open_workspace(workspace)
    body = {"name": name, "tenant": tenant, "owner": owner, "person": person, "roles": role or [], "observe": observe}
    answer = ask_owner(space, "POST", "/agents", body)
    token = answer.get("token") if isinstance(answer, dict) else None
    path = space.token_file(name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # opened with its mode: a file that is made first and closed to others later was open for a moment
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{token}\n")
    typer.echo(f"added {name}; its token is in {path}")


def promote_agent(name: AgentArgument, workspace: WorkspaceOption = ".") -> None:
    """Let an observing agent act."""

    ask_owner(open_workspace(workspace), "PATCH", f"/agents/{name}", {"revoke": False})


def revoke_agent(name: AgentArgument, workspace: WorkspaceOption = ".") -> None:
    """Revoke an agent's token."""

    ask_owner(open_workspace(workspace), "PATCH", f"/agents/{name}", {"revoke": True})
