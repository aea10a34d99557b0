"""Commands about the bundled library: what there is, and adding it to a workspace."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, verb
from server.cli.output import table
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from server.workspace.library.addition import Addition


@dataclass(frozen=True, slots=True)
class LibraryLine:
    """One contract or plan of the library."""

    name: str
    kind: str
    risk: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class AddedContracts:
    """What was added to a workspace, what was kept or left out, and what is left to do."""

    written: list[str]
    extended: list[str]
    kept: list[str]
    left_out: list[str]
    connections: list[str]
    to_do: list[str]


def register(contract: typer.Typer) -> None:
    """Add the commands to `ailyus contract`."""
    verb(contract, "library")(library)
    verb(contract, "add")(add_contracts)


def library(
    words: Annotated[list[str] | None, typer.Argument(help="Only what has all of these words.")] = None,
) -> Answer[list[LibraryLine]]:
    """List the contracts that come with Ailyus, or search in them."""
    from server.workspace.library.shelf import Shelf

    rows = [
        LibraryLine(
            file.name,
            file.kind,
            file.risk,
            str(file.content.get("title", "")),
            str(file.content.get("summary", "")),
        )
        for file in Shelf.read().found(words or ())
    ]
    return Answer(rows, table(rows, ("name", "kind", "risk", "title")))


def add_contracts(
    names: Annotated[list[str], typer.Argument(help="Such as okta/reset_user_mfa, or okta for all of a system.")],
    role: Annotated[
        str, typer.Option(help="The role that may ask for them; else the only one that approves nothing.")
    ] = "",
    approver: Annotated[str, typer.Option(help="The role that approves where a guard asks; else SecurityLead.")] = "",
    base_url: Annotated[
        list[str] | None, typer.Option(help="Where a new system is: okta=https://acme.okta.com; repeat it.")
    ] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[AddedContracts]:
    """Add contracts of the library with all that they need: connections, policies, tests. It overwrites nothing."""
    from server.workspace.library.addition import Wanted, add

    said: dict[str, dict[str, str]] = {}
    for pair in base_url or ():
        # by system, since a contract may need several
        kind, equals, url = pair.partition("=")
        if not equals:
            raise AilyusError("bad_settings", f"`{pair}` names no system", hint="--base-url okta=https://acme.okta.com")
        said[kind] = {"base_url": url}
    added = add(open_workspace(workspace), Wanted(names, role, approver, said))
    return Answer(added_contracts(added), says=list(lines_of(added)))


def added_contracts(added: "Addition") -> AddedContracts:
    """An addition as a document."""
    return AddedContracts(
        list(added.written),
        list(added.extended),
        list(added.kept),
        list(added.left_out),
        list(added.connections),
        list(added.to_do),
    )


def lines_of(added: "Addition") -> Iterator[str]:
    """What was added, and what is left to do, in words."""
    yield from (f"wrote {path}" for path in added.written)
    yield from (f"added to {path}" for path in added.extended)
    yield from (f"added [connections.{name}] to ailyus.toml" for name in added.connections)
    if added.kept:
        yield f"kept as they are: {', '.join(added.kept)}"
    yield from (f"left out {name}" for name in added.left_out)
    if not (added.written or added.extended or added.connections):
        yield "nothing was added"
    if added.to_do:
        yield "still to do:"
        yield from (f"  {step}" for step in added.to_do)
    if added.written:
        yield "next: `ailyus contract check`, `ailyus policy test`, then `ailyus doctor` tries each connection"
