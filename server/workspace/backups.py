"""The backups of a workspace's store: taken beside a running gateway, verified, and restored into an empty place."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import AilyusError
from receipts.log.head import Head
from receipts.store.backup_check import BackupSummary, check_backup
from receipts.store.key_file import key_file_of
from server.workspace.clock import now_ms
from server.workspace.roots import trusted_keys
from server.workspace.stores import database_url, remembered_head

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """What was restored, and the head that the workspace remembers of the store that was lost, if it does."""

    backup: BackupSummary
    remembered: Head | None


def back_up(workspace: "Workspace", out: Path) -> BackupSummary:
    """Write a backup, and verify what was written. Raises `AilyusError`; then there is no file."""
    known = remembered_head(workspace)  # before the snapshot, which may only hold more
    if workspace.settings.has_database:
        url = database_url(workspace)
        from receipts.store.postgres_backup import back_up_database

        back_up_database(url, out, now_ms())
    else:
        from receipts.store.backup import back_up_file

        if not workspace.store.exists():
            raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
        back_up_file(workspace.store, out, now_ms())
    try:
        summary = _checked(workspace, out)
        if known is not None and summary.size < known.size:  # guard: no backup of a rewound store
            sentence = f"the log ends at {summary.size}, its last known head is {known.size}"
            raise AilyusError("store_rewound", sentence)
    except BaseException:
        out.unlink()
        key_file_of(out).unlink(missing_ok=True)
        raise
    return summary


def restore(workspace: "Workspace", backup: Path) -> RestoreSummary:
    """Verify a backup and restore it. Raises `AilyusError`; then nothing was restored."""
    from receipts.journal.erasure import blank_keyless

    summary = _checked(workspace, backup)
    if workspace.settings.has_database:
        url = database_url(workspace)
        from receipts.store.restore import restore_database

        workspace.private.mkdir(parents=True, exist_ok=True, mode=0o700)
        restore_database(backup, url, workspace.private, now_ms(), blank_keyless)
    else:
        from receipts.store.restore import restore_file

        restore_file(backup, workspace.store, now_ms(), blank_keyless)
    return RestoreSummary(summary, remembered_head(workspace))


def _checked(workspace: "Workspace", path: Path) -> BackupSummary:
    return check_backup(path, workspace.settings.origin, trusted_keys(workspace))
