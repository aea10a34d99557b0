"""Commands about agents and their tokens."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli.answer import Answer, group, verb
from server.cli.choice import ASKING, is_demo, require_person
from server.cli.output import table
from server.cli.owner import asked, told
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

agent = group("Agents and their tokens.")
AgentArgument = Annotated[str, typer.Argument(help="The agent's name.")]


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One registered agent."""

    name: str
    tenant: str
    owner: str
    person: str
    roles: list[str]
    observe_only: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class AddedAgent:
    """An agent that was registered, and where its token is."""

    agent: str
    owner: str
    person: str
    tenant: str
    token_file: str


@dataclass(frozen=True, slots=True)
class ChangedAgent:
    """An agent that acts from now on, or none any more."""

    agent: str
    state: str


@verb(agent, "list")
def agents(workspace: WorkspaceOption = ".") -> Answer[list[AgentLine]]:
    """List the agents: whose they are, for whom they act, and in which roles."""
    rows = asked(open_workspace(workspace), "GET", "/agents", list[AgentLine])
    columns = ("name", "tenant", "owner", "person", "roles", "observe_only", "revoked")
    return Answer(rows, table(rows, columns) if rows else ["no agent yet: `ailyus agent add NAME`"])


@verb(agent, "add")
def add_agent(
    name: AgentArgument,
    owner: Annotated[
        str | None, typer.Option(help="Who owns it; it acts for them unless --person says for whom. Else the only one.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="The person it acts for.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The tenant that it belongs to; else its owner's.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role of the agent.")] = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="Reads run; writes are decided, previewed and receipted, never sent.")
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[AddedAgent]:
    """Register an agent; its token goes to its own file (0600) and is shown nowhere."""
    space = open_workspace(workspace)
    owner = _owner_of(space, owner)
    if person is not None:
        require_person(space, person)
    tenant = tenant or next(one.tenant for one in space.settings.people if one.name == owner)
    body = {"name": name, "tenant": tenant, "owner": owner, "person": person, "roles": role or [], "observe": observe}
    token = asked(space, "POST", "/agents", dict[str, str], body)["token"]
    path = space.token_file(name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # opened with its mode: a file that is made first and closed to others later was open for a moment
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{token}\n")
    said = [f"added {name}, which acts for {person or owner} of {tenant}; its token is in {path}"]
    if not role:
        said.append("it has no role: it sees only what policies permit without one; give it some with --role")
    return Answer(AddedAgent(name, owner, person or owner, tenant, str(path)), says=said)


@verb(agent, "promote")
def promote_agent(name: AgentArgument, workspace: WorkspaceOption = ".") -> Answer[ChangedAgent]:
    """Let an observing agent act."""
    return _change(open_workspace(workspace), name, "acts", f"{name} acts from now on")


@verb(agent, "revoke")
def revoke_agent(name: AgentArgument, workspace: WorkspaceOption = ".") -> Answer[ChangedAgent]:
    """Revoke an agent's token, and remove its file."""
    space = open_workspace(workspace)
    done = _change(space, name, "revoked", f"revoked {name}: its token is worth nothing from now on")
    space.token_file(name).unlink(missing_ok=True)
    return done


def _change(space: "Workspace", name: str, state: str, says: str) -> Answer[ChangedAgent]:
    known = [one.name for one in asked(space, "GET", "/agents", list[AgentLine])]
    if name not in known:
        hint = did_you_mean(name, known, where="`ailyus agent list` names them")
        raise AilyusError("unknown_agent", f"there is no agent `{name}`", hint=hint)
    told(space, "PATCH", f"/agents/{name}", {"revoke": state == "revoked"})
    return Answer(ChangedAgent(name, state), says=[says])


def _owner_of(space: "Workspace", named: str | None) -> str:
    if named is not None:
        return require_person(space, named)
    people = sorted(person.name for person in space.settings.people)
    if is_demo(space) and ASKING in people:
        return ASKING
    if len(people) == 1:
        return people[0]
    hint = f"say who with --owner: {', '.join(people)}" if people else "declare one under [[people]]"
    raise AilyusError("unknown_person", "nobody is named who owns the agent", hint=hint)
