"""Erasure in a workspace's store: what is about somebody is found, in the store and its archives, and erased."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from receipts.journal.journal import Journal
    from receipts.store.row import Read
    from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ErasureSummary:
    """What was erased: the actions, and the receipts that say so. `was_open`: some were kept unsealed until then."""

    actions: tuple[str, ...]
    receipts: tuple[str, ...]
    was_open: bool


async def erase_here(workspace: "Workspace", tenant: str, subject: str, by: str, reason: str) -> ErasureSummary:
    """Erase what is about somebody; of a file while no gateway runs. Raises `AilyusError`; then nothing was erased."""
    from receipts.audit.subject import has_key
    from receipts.journal.erasure import MOST, erase
    from receipts.store.sqlite_file import compact
    from server.workspace.stores import opened_journal

    async with opened_journal(workspace) as journal:
        look = journal.store.read_aside
        await look(lambda read: _refuse_person(read, tenant, subject))
        found = sorted(await _about(workspace, journal, tenant, subject))
        was_open = await look(lambda read: not all(has_key(read, one) for one in found))
        parts = [tuple(found[at : at + MOST]) for at in range(0, len(found), MOST)]
        done = [await erase(journal, tenant, part, by, reason) for part in parts]
        if await _about(workspace, journal, tenant, subject):
            raise AilyusError("internal", "something about the subject came meanwhile", hint="say this again")
    if was_open and not workspace.settings.has_database:
        await asyncio.to_thread(compact, workspace.store)
    return ErasureSummary(tuple(found), tuple(one.receipt for one in done), was_open)


async def _about(workspace: "Workspace", journal: "Journal", tenant: str, subject: str) -> set[str]:
    """Every action about somebody of which something can still be read. Raises `archived` where a file is not there."""
    from receipts.archive.archive_file import open_archive
    from receipts.audit.subject import actions_that_hold, has_key, indexed_actions, is_kept
    from receipts.tables.archives import archives
    from server.workspace.archives import archive_folder

    store, folder = journal.store, archive_folder(workspace)

    def look(read: "Read") -> set[str]:
        found = {one for one in indexed_actions(read, tenant, subject) if is_kept(read, one)}
        found |= actions_that_hold(read, tenant, subject)
        for name in (one.name for one in archives(read)):
            if not (folder / name).is_file():
                hint = f"put it into `{folder.name}`: what it holds about the subject is found by reading it"
                raise AilyusError("archived", f"the archive `{name}` is not at hand", hint=hint)
            with open_archive(folder / name, store.origin, store.keys.public) as file:
                held = actions_that_hold(file.opened(journal.data_keys, read).read, tenant, subject)
            if unsealed := sorted(one for one in held if not has_key(read, one)):
                hint = "it was written by a version before: delete the file, and say this again"
                raise AilyusError("archived", f"the archive `{name}` holds `{unsealed[0]}` unsealed", hint=hint)
            found |= held
        return found

    return await store.read_aside(look)


def _refuse_person(read: "Read", tenant: str, subject: str) -> None:
    from receipts.audit.subject import is_person

    if is_person(read, tenant, subject):  # guard: a name that stays is not called erased
        hint = "name the record, the e-mail address or another value of whom the actions are about"
        sentence = f"`{subject}` asks or decides here: the names of those people stand in clear, and are not erased"
        raise AilyusError("bad_settings", sentence, hint=hint)
