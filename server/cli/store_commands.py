"""Commands about the store: migrate, copy, check, accept its clock; and those about its backups."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli import archive_command, backup_commands
from server.cli.options import ArchiveOption
from server.cli.output import Format, FormatOption, report_errors, show
from server.cli.workspace_option import WorkspaceOption, open_workspace

store = typer.Typer(help="The store: its version, its place, its backups.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    store.command()(report_errors(migrate))
    store.command()(report_errors(copy))
    store.command()(report_errors(check))
    store.command("accept-clock")(report_errors(accept_clock))
    backup_commands.register(store)
    archive_command.register(store)
    app.add_typer(store, name="store")


def migrate(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """Bring the workspace's store to this version of ailyus; forward only, while no gateway uses it."""
    from server.workspace.stores import migrate_store

    before, after = migrate_store(open_workspace(workspace))
    said = f"the store has version {after}" + ("" if before == after else f", it had {before}")
    show(format, {"before": before, "after": after}, [said])


def copy(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """Copy the workspace's file into the empty database of `[store] url`, with its log, proofs and open actions."""
    from receipts.store.transfer import ASIDE, transfer
    from server.workspace.stores import database_url

    space = open_workspace(workspace)
    if not space.settings.has_database:
        hint = 'add [store] with url = "env:DATABASE_URL" to ailyus.toml'
        raise AilyusError("bad_settings", "the settings name no database", hint=hint)
    done = transfer(space.store, database_url(space))
    show(
        format,
        {"statements": done.statements, "open": done.open, "aside": space.store.name + ASIDE},
        [
            f"copied {done.statements} statements and {done.open} open actions; the log goes on from the same head",
            f"the file is put aside as {space.store.name}{ASIDE}\nnext: ailyus serve",
        ],
    )


def check(
    workspace: WorkspaceOption = ".",
    trust: Annotated[
        Path | None, typer.Option(help="The trusted roots; roots.json of the workspace if left out.")
    ] = None,
    archive: ArchiveOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Check journal, log and evidence for damage; it only reads, and the gateway may run. Exit 1 with findings."""
    from receipts.audit.archive_walk import unread
    from receipts.audit.roots import read_roots
    from receipts.audit.store_check import check_store
    from receipts.store.health import log_size
    from server.workspace.archives import archives_at_hand
    from server.workspace.stores import reading, remembered_head

    space = open_workspace(workspace)
    roots = read_roots(trust or space.root / "roots.json")
    head = remembered_head(space)  # before the snapshot, which may only hold more
    with reading(space) as read, archives_at_hand(space, read, archive or (), roots.trusted) as archives:
        findings = list(check_store(read, roots, head, space.settings.has_database, archives))
        size, closed = log_size(read), unread(read, archives)
    sound = f"ok: {size} statements, their nodes, evidence and rows are sound"
    said = {"ok": not findings, "findings": findings, "statements": size, "unread": closed}
    show(format, said, [*(findings or [sound]), *closed])
    if findings:
        raise typer.Exit(1)


def accept_clock(
    as_: Annotated[str, typer.Option("--as", help="The person who says that the clock is right now.")],
    reason: Annotated[str, typer.Option(help="What happened to the clock; signed with the statement.")],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Take the store's time back to this machine's clock, after a clock that was ahead; while no gateway runs."""
    import asyncio

    from server.workspace.stores import accept_clock as accept

    space = open_workspace(workspace)
    # a name in a signed statement must be somebody's, also while no gateway runs that could ask for a key
    if as_ not in {person.name for person in space.settings.people}:
        raise AilyusError("unknown_person", f"`{as_}` is no declared person")
    before, now = asyncio.run(accept(space, as_, reason))
    ahead = (before - now) // 1000
    show(
        format,
        {"before_ms": before, "now_ms": now},
        [
            f"the store's last commit was {ahead} s ahead of the clock; its time is the clock's again",
            "next: ailyus serve",
        ],
    )
