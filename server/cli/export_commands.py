"""Commands about exports: how far each has come, a trial, and the word of a person that one goes on."""

from dataclasses import dataclass
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, group, verb
from server.cli.choice import AsOption, person_of
from server.cli.exit_code import DONE, REFUSED
from server.cli.output import table
from server.cli.owner import asked
from server.cli.store import reading
from server.cli.workspace_option import WorkspaceOption, open_workspace

export = group("Exports: statements that other systems get.")

NameArgument = Annotated[str, typer.Argument(help="The export's name, as ailyus.toml has it.")]


@dataclass(frozen=True, slots=True)
class ListedExport:
    """One export: where to and as what, the newest leaf that it sent, and how many leaves it is behind.

    `oldest` is when the oldest statement was logged that waits (UTC). `state` is `new`, `going`, `failing` or
    `stopped`, and `fault` says why a batch was not taken.
    """

    export: str
    to: str
    format: str
    tenant: str
    cursor: int
    behind: int
    oldest: str
    state: str
    fault: str


@dataclass(frozen=True, slots=True)
class TestedExport:
    """A trial of an export: was it taken, and why not."""

    export: str
    taken: bool
    fault: str


@dataclass(frozen=True, slots=True)
class ResumedExport:
    """An export that goes on, after the leaf `cursor`."""

    export: str
    cursor: int


@dataclass(frozen=True, slots=True)
class _Fault:
    fault: str


@dataclass(frozen=True, slots=True)
class _Cursor:
    cursor: int


@verb(export, "list")
def list_exports(workspace: WorkspaceOption = ".") -> Answer[list[ListedExport]]:
    """List the exports of the settings: how far each has come, and why one does not go on. Exit 1 if one is stopped."""
    from receipts.export.standing import ExportStanding, standings
    from server.results.timestamp import iso

    parts = open_workspace(workspace).settings.export
    if not parts:
        hint = "add [export.NAME] with a `url` or a `file` to ailyus.toml"
        return Answer([], [f"there is no export: {hint}"])
    with reading(workspace) as read:
        found = standings(read, {name: part.tenant for name, part in parts.items()})
    rows = []
    for name, part in parts.items():
        now = found.get(name, ExportStanding())
        state = "stopped" if now.stopped else "failing" if now.fault else "going" if name in found else "new"
        oldest, to = iso(now.since_ms) if now.since_ms else "", part.url or part.file or ""
        rows.append(
            ListedExport(name, to, part.format, part.tenant or "", now.cursor, now.behind, oldest, state, now.fault)
        )
    columns = ("export", "format", "tenant", "cursor", "behind", "oldest", "state", "fault", "to")
    return Answer(rows, table(rows, columns), code=REFUSED if any(row.state == "stopped" for row in rows) else DONE)


@verb(export, "test")
def test_export(name: NameArgument, workspace: WorkspaceOption = ".") -> Answer[TestedExport]:
    """Send the newest statement by an export, and move nothing. Exit 1 if it is not taken."""
    fault = asked(open_workspace(workspace), "POST", f"/exports/{name}/test", _Fault).fault
    says = f"not taken: {fault}" if fault else "the newest statement was taken; it will be sent again in its place"
    return Answer(TestedExport(name, not fault, fault), [says], code=REFUSED if fault else DONE)


@verb(export, "resume")
def resume_export(
    name: NameArgument,
    after: Annotated[
        int | None, typer.Option(help="Go on after this leaf: what lies between is left out, or sent again.")
    ] = None,
    as_: AsOption = None,
    workspace: WorkspaceOption = ".",
) -> Answer[ResumedExport]:
    """Let an export go on that stopped: with the same batch, or after another leaf. The log notes who did it."""
    space = open_workspace(workspace)
    if name not in space.settings.export:
        raise AilyusError("not_found", f"there is no export `{name[:80]}`", hint="`ailyus export list` names them")
    body = {"by": person_of(space, as_), "after": after}
    cursor = asked(space, "POST", f"/exports/{name}/resume", _Cursor, body).cursor
    return Answer(ResumedExport(name, cursor), says=[f"{name} goes on after leaf {cursor}"])
