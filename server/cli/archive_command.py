"""The command that archives closed actions: by the gateway that runs, or in the store where none does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, verb
from server.cli.document_part import part
from server.cli.owner import decoded
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

    from server.workspace.workspace import Workspace

_LOOK: Final = 0.2
"""Seconds between two looks whether the gateway is done."""
_HELD: Final = {
    "young": "have something that is younger",
    "open": "are not closed",
    "repeat": "are still what the same call would be",
    "incident": "have an incident that nobody resolved",
    "recheck": "are to be looked at again",
    "escalation": "have an escalation that nobody acknowledged",
    "notice": "have a notice that is still to be sent",
    "secret": "have a secret that is on its way",
    "breaker": "are the last ones of their contract, connection or route, which the breaker counts",
    "unsound": "are not what their statements say: `ailyus audit` names them",
}


@dataclass(frozen=True, slots=True)
class ArchivedActions:
    """What went into an archive (None: nothing), how many actions left the store, and why closed ones stay."""

    archive: Annotated[Mapping[str, object], part("receipts.tables.archives:Archive")] | None
    removed: int
    changed: int
    held: Mapping[str, int]
    finished: list[str]
    file: str


def register(store: typer.Typer) -> None:
    """Add the command to those about the store."""
    verb(store, "archive")(archive)


def archive(
    file: Annotated[str, typer.Argument(help="The file to write; `{time}` in it is the time in UTC.")],
    before: Annotated[str, typer.Option(help="An age, for example 90d, or a date: only what closed before it goes.")],
    workspace: WorkspaceOption = ".",
) -> Answer[ArchivedActions]:
    """Move closed actions out of the store into a signed file; the gateway may run. The log's tree stays whole."""
    import datetime as dt

    from server.workspace.archives import archive_folder, before_of

    space, before_ms = open_workspace(workspace), before_of(before)
    folder = archive_folder(space)
    out = Path(file.replace("{time}", dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")))
    # a name alone is a file where archives are looked for
    if out.name == file or len(out.parts) == 1:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = folder / out
    with working("archiving closed actions"):
        facts = _run(space, out.absolute(), before_ms)
    done = decoded(ArchivedActions, {**facts, "file": str(out)})
    lines = [f"finished `{name}`, which was broken off" for name in done.finished]
    if done.archive is not None:
        lines.append(f"archived {done.removed} actions with {done.archive['statements']} statements in {out}")
        if out.absolute().parent != folder.absolute():
            lines.append(f"put it into {folder}, where it is looked for")
    elif not lines:
        lines.append("nothing to archive")
    if done.changed:
        lines.append(f"{done.changed} actions changed meanwhile, and stay in the store")
    lines += [f"{count} closed actions stay: they {_HELD[why]}" for why, count in done.held.items()]
    return Answer(done, says=lines)


def _run(space: "Workspace", out: Path, before_ms: int) -> "Mapping[str, JsonValue]":
    import asyncio
    import time

    from server.admin.client import ask_owner, find_owner
    from server.operations.archive_runs import summary_document
    from server.workspace.archives import archive_here

    if find_owner(space) is None:
        return summary_document(asyncio.run(archive_here(space, out, before_ms)))
    state = ask_owner(space, "POST", "/archives", {"file": str(out), "before_ms": before_ms})
    while isinstance(state, dict) and state.get("running"):
        time.sleep(_LOOK)
        state = ask_owner(space, "GET", "/archives")
    summary = state.get("summary") if isinstance(state, dict) else None
    if not isinstance(summary, dict):
        raise AilyusError("internal", "the gateway did not say what became of the archive")
    return summary
