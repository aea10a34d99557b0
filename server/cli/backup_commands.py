"""Commands about backups of the store: take one, restore it, accept what was lost."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, verb
from server.cli.choice import person_of
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from receipts.store.backup_check import BackupSummary

NEXT = 'next: ailyus store accept-loss --as PERSON --reason "…"'


@dataclass(frozen=True, slots=True)
class LogHead:
    """The end of a log: how many statements, and the root of their tree."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class WrittenBackup:
    """A backup that was written and verified."""

    size: int
    root: str
    keyid: str
    open: int
    checkpoint: str
    file: str


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """A backup that was restored, and the end of the log that this workspace remembers."""

    size: int
    root: str
    keyid: str
    open: int
    checkpoint: str
    remembered: LogHead | None


@dataclass(frozen=True, slots=True)
class AcceptedLossDocument:
    """What was remembered, what was restored, the receipt that says so, and the actions that were open."""

    remembered: LogHead | None
    restored: LogHead
    receipt: str
    actions: list[str]


def register(store: typer.Typer) -> None:
    """Add the commands to those about the store."""
    verb(store, "backup")(back_up)
    verb(store, "restore")(restore)
    verb(store, "accept-loss")(accept_loss)


def back_up(
    file: Annotated[
        str, typer.Argument(help="The file to write, which must not exist; `{time}` in it is the time in UTC.")
    ],
    workspace: WorkspaceOption = ".",
) -> Answer[WrittenBackup]:
    """Write one verified file with all that the store holds now; the gateway may run. Keys are not in it."""
    from server.workspace.backups import back_up as run

    path = Path(file.replace("{time}", dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")))
    with working("writing and verifying the backup"):
        done = run(open_workspace(workspace), path.absolute())
    keys = f"written to {path}; back the keys up elsewhere: .ailyus/log.pem, .ailyus/store.secrets"
    return Answer(
        WrittenBackup(done.size, done.root, done.keyid, done.open, done.note, str(path)), says=[*_lines(done), keys]
    )


def restore(
    file: Annotated[Path, typer.Argument(help="A file of `ailyus store backup`.")],
    workspace: WorkspaceOption = ".",
) -> Answer[RestoredBackup]:
    """Put a backup into a workspace without a store, or into the empty database of its settings."""
    from server.workspace.backups import restore as run

    with working("verifying and restoring the backup"):
        done = run(open_workspace(workspace), file.absolute())
    known, backup = done.remembered, done.backup
    lost = "how much came after it is not known here"
    if known is not None:
        lost = f"this workspace remembers a log of {known.size} statements, root {known.root}"
    remembered = None if known is None else LogHead(known.size, known.root)
    return Answer(
        RestoredBackup(backup.size, backup.root, backup.keyid, backup.open, backup.note, remembered),
        says=[*_lines(backup), lost, "no gateway starts on it before a person accepts what was lost", NEXT],
    )


def accept_loss(
    reason: Annotated[str, typer.Option(help="What happened to the store; signed with the statement.")],
    as_: Annotated[
        str | None, typer.Option("--as", help="The person who accepts it, who may release; else the only one.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Their key file, if it is not the workspace's.")] = None,
    passkey: Annotated[
        bool, typer.Option("--passkey", help="Sign with a passkey, on a page that is served until then.")
    ] = False,
    recovered: Annotated[
        bool,
        typer.Option("--recovered", help="A database that was taken back to an earlier time: nothing here knows it."),
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[AcceptedLossDocument]:
    """Sign what a restored store has lost, so that a gateway may start on it: everything stays halted at first."""
    import asyncio

    from server.cli.release_signing import key_of
    from server.workspace.loss import accept_loss as accept

    space = open_workspace(workspace)
    as_ = person_of(space, as_)
    if passkey:
        from server.console.loss import accept_loss_here

        if key is not None:
            raise AilyusError("bad_settings", "`--passkey` and `--key` are two keys", hint="leave one of them out")
        done = asyncio.run(accept_loss_here(space, as_, reason, _tell, recovered=recovered))
    else:
        done = asyncio.run(accept(space, as_, key_of(space, as_, key), reason, recovered=recovered))
    known = None if done.remembered is None else LogHead(done.remembered.size, done.remembered.root)
    lost = f"a log of {known.size} statements was remembered; " if known else ""
    count = len(done.record.actions)
    restored = LogHead(done.restored.size, done.restored.root)
    return Answer(
        AcceptedLossDocument(known, restored, done.record.receipt, list(done.record.actions)),
        says=[
            f"{lost}the log goes on from {done.restored.size}, and {done.record.receipt} says so",
            f"{count} actions that were open are never sent from here: they end, or are read back",
            "everything is halted: revoke what was revoked since the backup (keys, agents), then lift it",
            f"next: ailyus serve, then ailyus halt lift all --as {as_}",
        ],
    )


def _tell(url: str) -> None:
    typer.echo(f"{url}\nopen it in the browser that has the passkey; it is served for 15 minutes", err=True)


def _lines(summary: "BackupSummary") -> list[str]:
    return [
        f"verified: {summary.size} statements, root {summary.root}",
        f"signed by the key {summary.keyid}; {summary.open} open actions",
    ]
