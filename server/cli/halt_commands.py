"""Commands that stop things, and let them go on."""

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, group, verb
from server.cli.choice import AsOption, person_of
from server.cli.output import table
from server.cli.owner import asked, told
from server.cli.workspace_option import WorkspaceOption, open_workspace

halt = group("Halts: what is stopped, by whom and why.")
Scope = Literal["all", "connection", "contract", "agent"]
LiftedScope = Literal["all", "connection", "contract", "agent", "route"]
"""A route is halted by its breaker alone, and lifted by a person."""
NameArgument = Annotated[str, typer.Argument(help="Which one; left out for all.")]


@dataclass(frozen=True, slots=True)
class HaltRow:
    """One halt; `name` is empty for that of everything."""

    scope: str
    name: str
    by: str
    reason: str
    allow_undo: bool


@dataclass(frozen=True, slots=True)
class SentAction:
    """A request that has left already, and is read back."""

    action: str
    connection: str


@dataclass(frozen=True, slots=True)
class Halts:
    """What is halted, and what is on the wire nevertheless."""

    halts: list[HaltRow]
    on_the_wire: list[SentAction]


@dataclass(frozen=True, slots=True)
class LiftedHalt:
    """A halt that is over."""

    scope: str
    name: str
    by: str


@verb(halt, "add")
def add(
    scope: Annotated[Scope, typer.Argument(help="What kind of thing.")],
    name: NameArgument = "",
    as_: AsOption = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded. An incident's number will do.")] = "halted by hand",
    allow_undo: Annotated[bool, typer.Option("--allow-undo", help="Undo steps may go on.")] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[Halts]:
    """Stop everything, a connection, a contract or an agent: nothing new is sent from now on."""
    space = open_workspace(workspace)
    _require_name(scope, name)
    by = person_of(space, as_)
    body = {"scope": scope, "name": name, "by": by, "reason": reason, "allow_undo": allow_undo}
    found = asked(space, "POST", "/halts", Halts, body)
    # what has left cannot be called back: whoever halts must know of it
    sent = len(found.on_the_wire)
    on_wire = "nothing is on the wire" if not sent else "1 request is" if sent == 1 else f"{sent} requests are"
    rest = on_wire if not sent else f"{on_wire} on the wire and read back"
    return Answer(found, says=[f"halted: {f'{scope} {name}'.strip()}, by {by}; {rest}"])


@verb(halt, "lift")
def lift(
    scope: Annotated[LiftedScope, typer.Argument(help="What kind of thing.")],
    name: NameArgument = "",
    as_: AsOption = None,
    workspace: WorkspaceOption = ".",
) -> Answer[LiftedHalt]:
    """Lift a halt: what waited goes on where it stopped."""
    space = open_workspace(workspace)
    _require_name(scope, name)
    by = person_of(space, as_)
    told(space, "DELETE", f"/halts/{scope}/{name or '-'}", by=by)
    lifted = f"lifted by {by}: {f'{scope} {name}'.strip()}; what waited goes on"
    return Answer(LiftedHalt(scope, name, by), says=[lifted])


@verb(halt, "list")
def halts(workspace: WorkspaceOption = ".") -> Answer[Halts]:
    """List what is halted, by whom and why, and what is on the wire."""
    found = asked(open_workspace(workspace), "GET", "/halts", Halts)
    lines = table(found.halts, ("scope", "name", "by", "reason", "allow_undo")) if found.halts else []
    lines += [f"on the wire: {one.action} to {one.connection}" for one in found.on_the_wire]
    return Answer(found, lines or ["nothing is halted"])


def _require_name(scope: LiftedScope, name: str) -> None:
    if (scope == "all") is bool(name):
        sentence = f"`all` is everything, and `{name}` is one" if name else f"no {scope} is named"
        raise AilyusError("bad_settings", sentence, hint="`all`, or one kind with its name: `connection okta`")
