"""Commands about the store: migrate, copy, check, accept its clock; and those about its backups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli import archive_command, backup_commands
from server.cli.answer import Answer, group, verb
from server.cli.choice import person_of
from server.cli.exit_code import DONE, REFUSED
from server.cli.options import ArchiveOption
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption, open_workspace

store = group("The store: its version, its place, its backups.")


@dataclass(frozen=True, slots=True)
class MigratedStore:
    """The version that the store had, and has."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class CopiedStore:
    """What was copied, and the name under which the file was put aside."""

    statements: int
    open: int
    aside: str


@dataclass(frozen=True, slots=True)
class CheckedStore:
    """What a check found, how many statements there are, and the archives that were not read."""

    ok: bool
    findings: list[str]
    statements: int
    unread: list[str]


@dataclass(frozen=True, slots=True)
class AcceptedClock:
    """The store's time before and now, in milliseconds since 1970, UTC."""

    before_ms: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class WrittenTiles:
    """The folder of the log's static files, the size of its checkpoint, files written now, bundles that are missing."""

    folder: str
    size: int
    written: int
    missing: int


@verb(store, "tiles")
def write_tiles(
    folder: Annotated[Path, typer.Argument(help="The folder for `checkpoint` and `tile/`; what is there is kept.")],
    workspace: WorkspaceOption = ".",
) -> Answer[WrittenTiles]:
    """Write the log as static files that anybody can mirror and check (C2SP tlog-tiles): hashes and signatures only."""
    from server.workspace.log_tiles import write_log_tiles

    done = write_log_tiles(open_workspace(workspace), folder)
    says = [f"wrote {done.written} files of a log of {done.size} statements to {folder}"]
    if done.missing:
        says.append(f"{done.missing} bundles of entries are left out: statements of them are in archives")
    return Answer(WrittenTiles(str(folder), done.size, done.written, done.missing), says=says)


@verb(store, "migrate")
def migrate(workspace: WorkspaceOption = ".") -> Answer[MigratedStore]:
    """Bring the workspace's store to this version of ailyus; forward only, while no gateway uses it."""
    from server.workspace.stores import migrate_store

    with working("migrating the store"):
        before, after = migrate_store(open_workspace(workspace))
    said = f"the store has version {after}" + ("" if before == after else f", it had {before}")
    return Answer(MigratedStore(before, after), says=[said])


@verb(store, "copy")
def copy(workspace: WorkspaceOption = ".") -> Answer[CopiedStore]:
    """Copy the workspace's file into the empty database of `[store] url`, with its log, proofs and open actions."""
    from receipts.store.transfer import ASIDE, transfer
    from server.workspace.stores import database_url

    space = open_workspace(workspace)
    if not space.settings.has_database:
        hint = 'add [store] with url = "env:DATABASE_URL" to ailyus.toml'
        raise AilyusError("bad_settings", "the settings name no database", hint=hint)
    with working("copying the store into the database"):
        done = transfer(space.store, database_url(space))
    aside = space.store.name + ASIDE
    return Answer(
        CopiedStore(done.statements, done.open, aside),
        says=[
            f"copied {done.statements} statements and {done.open} open actions; the log goes on from the same head",
            f"the file is put aside as {aside}\nnext: ailyus serve",
        ],
    )


@verb(store, "check")
def check(
    workspace: WorkspaceOption = ".",
    trust: Annotated[
        Path | None, typer.Option(help="The trusted roots; roots.json of the workspace if left out.")
    ] = None,
    archive: ArchiveOption = None,
) -> Answer[CheckedStore]:
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
    with (
        working("checking the store"),
        reading(space) as read,
        archives_at_hand(space, read, archive or (), roots.trusted) as archives,
    ):
        findings = list(check_store(read, roots, head, space.settings.has_database, archives))
        size, closed = log_size(read), unread(read, archives)
    sound = f"ok: {size} statements, their nodes, evidence and rows are sound"
    return Answer(
        CheckedStore(not findings, findings, size, list(closed)),
        [*(findings or [sound]), *closed],
        code=REFUSED if findings else DONE,
    )


@verb(store, "accept-clock")
def accept_clock(
    reason: Annotated[str, typer.Option(help="What happened to the clock; signed with the statement.")],
    as_: Annotated[
        str | None, typer.Option("--as", help="The person who says that the clock is right now; else the only one.")
    ] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[AcceptedClock]:
    """Take the store's time back to this machine's clock, after a clock that was ahead; while no gateway runs."""
    import asyncio

    from server.workspace.stores import accept_clock as accept

    space = open_workspace(workspace)
    # a name in a signed statement must be somebody's, also while no gateway runs that could ask for a key
    before, now = asyncio.run(accept(space, person_of(space, as_), reason))
    ahead = (before - now) // 1000
    said = f"the store's last commit was {ahead} s ahead of the clock; its time is the clock's again"
    return Answer(AcceptedClock(before, now), says=[said, "next: ailyus serve"])


backup_commands.register(store)
archive_command.register(store)
