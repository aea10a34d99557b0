"""The archives of a workspace's store: where they lie, which are at hand, and the store with them behind it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.errors import AilyusError
from server.workspace.clock import now_ms
from server.workspace.roots import trusted_keys
from server.workspace.stores import data_keys, reading_sealed

if TYPE_CHECKING:
    from receipts.archive.archive_file import ArchiveFile
    from receipts.log.log_keys import LogKeys
    from receipts.retention.retention import RetentionSummary
    from receipts.store.row import Read
    from server.workspace.workspace import Workspace

_DAYS: Final = re.compile(r"(\d{1,5})d")


def archive_folder(workspace: "Workspace") -> Path:
    """Where archives are looked for."""
    from server.workspace.settings.store import StorePart

    return workspace.root / (workspace.settings.store or StorePart()).archive


@contextmanager
def reading_of(workspace: "Workspace", id_: str) -> "Iterator[Read]":
    """A store as it is now, with the archive behind it that holds this action or receipt.

    Raises `archived`, which names the file, where that is not at hand.
    """
    from receipts.archive.archive_reader import action_archive, both
    from receipts.store.data_keys import opening
    from receipts.tables.archives import place_of

    with reading_sealed(workspace) as kept:
        opens = data_keys(workspace, kept)
        read = opening(kept, opens)
        place = place_of(read, id_)
        if place is None:
            yield read
            return
        path = archive_folder(workspace) / place.name
        keys = trusted_keys(workspace, read).public
        with action_archive(path, place, workspace.settings.origin, keys) as file:
            yield both(file.opened(opens, kept).read, read)


@contextmanager
def archives_at_hand(
    workspace: "Workspace", read: "Read", named: Sequence[Path], trusted: "LogKeys"
) -> "Iterator[Mapping[str, ArchiveFile]]":
    """The archives of a store that are named, or lie in their folder. Raises `AilyusError` for another's."""
    from receipts.archive.archive_file import open_archive
    from receipts.store.key_history import keys_from
    from receipts.tables.archives import archives

    known, found = {one.digest: one for one in archives(read)}, dict[str, "ArchiveFile"]()
    folder, keys = archive_folder(workspace), keys_from(read, trusted).public
    opens = data_keys(workspace, read)
    paths = [*named, *(folder / one.name for one in known.values() if (folder / one.name).is_file())]
    with ExitStack() as opened:
        for path in paths:
            file = opened.enter_context(open_archive(path, workspace.settings.origin, keys))
            if file.manifest.digest not in known:  # guard: an archive of this log
                hint = "name one that `ailyus store archive` of this workspace wrote"
                raise AilyusError("not_authentic", f"the log names no archive `{path.name}` of this content", hint=hint)
            found.setdefault(file.manifest.digest, file.opened(opens, read))
        yield found


def before_of(text: str) -> int:
    """The time in milliseconds that an age (`90d`) or a date (`2026-01-31`, UTC) names. Raises `bad_settings`."""
    import datetime as dt

    from contracts.schema.fields import milliseconds

    try:
        if days := _DAYS.fullmatch(text):
            return now_ms() - int(days[1]) * 86_400_000
        if text[:4].isdigit() and "-" in text:
            at = dt.datetime.fromisoformat(text)
            return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1000)
        return now_ms() - milliseconds(text)
    except (ValueError, OverflowError):
        hint = "for example `--before 90d` or `--before 2026-01-31`"
        raise AilyusError("bad_settings", f"`{text[:40]}` is neither an age nor a date", hint=hint) from None


async def archive_here(workspace: "Workspace", out: Path, before_ms: int) -> "RetentionSummary":
    """Archive in this process, while no gateway of this folder runs. Raises `AilyusError`."""
    from receipts.retention.retention import Retention
    from server.workspace.stores import opened_journal

    async with opened_journal(workspace) as journal:
        return await Retention(journal, (archive_folder(workspace),)).archive(out, before_ms)
