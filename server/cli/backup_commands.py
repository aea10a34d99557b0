"""Commands about backups of the store: take one, restore it, accept what was lost."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, report_errors, show
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from receipts.store.backup_check import BackupSummary

NEXT = 'next: ailyus store accept-loss --as PERSON --reason "…"'


def register(store: typer.Typer) -> None:
    """Add the commands to those about the store."""
    store.command("backup")(report_errors(back_up))
    store.command("restore")(report_errors(restore))
    store.command("accept-loss")(report_errors(accept_loss))


def back_up(
    file: Annotated[
        str, typer.Argument(help="The file to write, which must not exist; `{time}` in it is the time in UTC.")
    ],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Write one verified file with all that the store holds now; the gateway may run. Keys are not in it."""
    from server.workspace.backups import back_up as run

    path = Path(file.replace("{time}", dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")))
    summary = run(open_workspace(workspace), path.absolute())
    show(
        format,
        _stated(summary) | {"file": str(path)},
        [*_lines(summary), f"written to {path}; back the keys up elsewhere: .ailyus/log.pem, .ailyus/store.secrets"],
    )


def restore(
    file: Annotated[Path, typer.Argument(help="A file of `ailyus store backup`.")],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Put a backup into a workspace without a store, or into the empty database of its settings."""
    from server.workspace.backups import restore as run

    done = run(open_workspace(workspace), file.absolute())
    known = done.remembered
    lost = "how much came after it is not known here"
    if known is not None:
        lost = f"this workspace remembers a log of {known.size} statements, root {known.root}"
    show(
        format,
        _stated(done.backup) | {"remembered": None if known is None else {"size": known.size, "root": known.root}},
        [*_lines(done.backup), lost, "no gateway starts on it before a person accepts what was lost", NEXT],
    )


def accept_loss(
    as_: Annotated[str, typer.Option("--as", help="The person who accepts it; they may release.")],
    reason: Annotated[str, typer.Option(help="What happened to the store; signed with the statement.")],
    key: Annotated[Path | None, typer.Option(help="Their key file, if it is not the workspace's.")] = None,
    passkey: Annotated[
        bool, typer.Option("--passkey", help="Sign with a passkey, on a page that is served until then.")
    ] = False,
    recovered: Annotated[
        bool,
        typer.Option("--recovered", help="A database that was taken back to an earlier time: nothing here knows it."),
    ] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Sign what a restored store has lost, so that a gateway may start on it: everything stays halted at first."""
    import asyncio

    from server.cli.release_signing import key_of
    from server.workspace.loss import accept_loss as accept

    space = open_workspace(workspace)
    if passkey:
        from server.console.loss import accept_loss_here

        if key is not None:
            raise AilyusError("bad_settings", "`--passkey` and `--key` are two keys", hint="leave one of them out")
        done = asyncio.run(accept_loss_here(space, as_, reason, _tell, recovered=recovered))
    else:
        done = asyncio.run(accept(space, as_, key_of(space, as_, key), reason, recovered=recovered))
    known = None if done.remembered is None else {"size": done.remembered.size, "root": done.remembered.root}
    lost = f"a log of {known['size']} statements was remembered; " if known else ""
    count = len(done.record.actions)
    show(
        format,
        {
            "remembered": known,
            "restored": {"size": done.restored.size, "root": done.restored.root},
            "receipt": done.record.receipt,
            "actions": list(done.record.actions),
        },
        [
            f"{lost}the log goes on from {done.restored.size}, and {done.record.receipt} says so",
            f"{count} actions that were open are never sent from here: they end, or are read back",
            "everything is halted: revoke what was revoked since the backup (keys, agents), then lift it",
            f"next: ailyus serve, then ailyus unhalt all --as {as_}",
        ],
    )


def _tell(url: str) -> None:
    typer.echo(f"{url}\nopen it in the browser that has the passkey; it is served for 15 minutes", err=True)


def _stated(summary: "BackupSummary") -> dict[str, object]:
    return {
        "size": summary.size,
        "root": summary.root,
        "keyid": summary.keyid,
        "open": summary.open,
        "checkpoint": summary.note,
    }


def _lines(summary: "BackupSummary") -> list[str]:
    return [
        f"verified: {summary.size} statements, root {summary.root}",
        f"signed by the key {summary.keyid}; {summary.open} open actions",
    ]
