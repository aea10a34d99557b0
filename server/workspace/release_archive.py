"""The releases that the log keeps whole: their files and settings, from which each can be built again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.errors import AilyusError
from policies.bundle import ENGINE
from policies.release import Release
from receipts.log.log_keys import LogKeys
from receipts.statement import releases
from receipts.statement.releases import FILE, ReleaseRecord, opened
from receipts.store.row import Read
from server.workspace.release_files import written_files
from server.workspace.release_settings import SETTINGS, ReleaseSettings
from server.workspace.roots import trusted_keys
from server.workspace.settings.file import FILE as SETTINGS_FILE
from server.workspace.stores import is_made, reading
from server.workspace.workspace import Workspace

MAX_HISTORY = 1000
"""How far back a former release is looked for."""


@dataclass(frozen=True, slots=True)
class ArchivedRelease:
    """One release as the log keeps it; an earlier version of ailyus kept no settings."""

    record: ReleaseRecord
    sources: Mapping[str, bytes]
    settings: ReleaseSettings | None

    def built(self, workspace: Workspace) -> Release:
        """The very release, by who released it. Raises `AilyusError` where it cannot be had any more."""
        if self.record.engine != ENGINE:  # another engine may decide the same policies otherwise
            hint = f"release the files anew: it ran under {self.record.engine}, this is {ENGINE}"
            raise AilyusError("not_released", f"release {self.record.digest[:12]} is of another engine", hint=hint)
        release = self.rebuilt(workspace)
        # INVARIANT 8: what is built is what was released, down to its connections
        if release.digest != self.record.digest:  # guard: an archived release is the one that was signed
            raise AilyusError(
                "not_released",
                f"release {self.record.digest[:12]} does not fit the settings any more",
                hint=f"release the files anew, or undo the change of {SETTINGS_FILE} since then",
            )
        return adopted(release, self.record)

    def rebuilt(self, workspace: Workspace) -> Release:
        """What its files and settings make under this version, which may be another release. Raises `AilyusError`."""
        with written_files(self.sources) as root:
            return workspace.release(files=root, settings=self.settings)


def archived(read: Read, record: ReleaseRecord, keys: LogKeys) -> ArchivedRelease:
    """What the log keeps of a release; all of it opens its commitments. Raises `AilyusError`."""
    kept = opened(read, record, keys, lambda label: label == SETTINGS or label.startswith(FILE))
    sources = {label.removeprefix(FILE): data for label, data in kept.items() if label.startswith(FILE)}
    settings = ReleaseSettings.decode(kept[SETTINGS]) if SETTINGS in kept else None
    return ArchivedRelease(record, sources, settings)


def former(workspace: Workspace, digest: str) -> ArchivedRelease:
    """The release whose digest begins so; without one, the last that is another than the live one. Raises `not_found`.

    What its log keeps is made again even where it is not the very same any more: it is tested and signed anew.
    """
    with reading(workspace) as read:
        keys = trusted_keys(workspace, read)
        records = releases.history(read, keys, MAX_HISTORY) if is_made(workspace, read) else []
        if not records:
            raise AilyusError("not_found", "nothing is released yet", hint="start the gateway: `ailyus serve`")
        live = records[0].digest
        found = [r for r in records if (r.digest.startswith(digest) if digest else r.digest != live)]
        if digest and len({r.digest for r in found}) > 1:
            raise AilyusError("not_found", f"several releases begin with `{digest}`", hint="give more of the digest")
        if not found:
            sentence = f"no release begins with `{digest}`" if digest else "there is no former release"
            raise AilyusError("not_found", sentence, hint="see `ailyus release history`")
        return archived(read, found[0], keys)


def live_release(workspace: Workspace) -> ArchivedRelease | None:
    """What was released last; None where nothing was."""
    if not workspace.settings.has_database and not workspace.store.exists():
        return None
    with reading(workspace) as read:
        keys = trusted_keys(workspace, read)
        last = releases.newest(read, keys) if is_made(workspace, read) else None
        return archived(read, last, keys) if last is not None else None


def adopted(release: Release, record: ReleaseRecord) -> Release:
    """The same release, by who released it last."""
    return replace(release, author=record.author, governed=record.governed)
