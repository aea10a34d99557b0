"""A store with closed actions in it, and a clock that goes on by days."""

from pathlib import Path

from receipts.action.action import Action
from receipts.archive.archive_file import ArchiveFile
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.retention.retention import Retention
from receipts.store.row import Read
from tests.receipts.making import SIGNER, journal_at
from tests.receipts.stages import Clock, end, send, stored

DAY_MS = 86_400_000


async def journal_of(path: Path, clock: Clock, database: str = "") -> Journal:
    """A journal whose clock a test sets."""
    return await journal_at(path, clock, database)


async def close(journal: Journal, *names: str) -> list[Action]:
    """Actions that were sent and confirmed."""
    done = []
    for name in names:
        of = await send(journal, name)
        await end(journal, of)
        done.append(await stored(journal, of))
    return done


def retention(journal: Journal, *folders: Path) -> Retention:
    """What archives this journal's store."""
    return Retention(journal, folders)


def ago(journal: Journal, days: int) -> int:
    """The time so many days ago, in milliseconds."""
    return journal.store.now_ms() - days * DAY_MS


async def audited(journal: Journal, file: ArchiveFile) -> list[str]:
    """What an audit finds that has this archive at hand."""
    roots = Roots(origin=journal.store.origin, keys={SIGNER.keyid: SIGNER.public.hex()})

    def look(read: Read) -> list[str]:
        return list(audit(read, roots, archives={file.manifest.digest: file.opened(journal.data_keys, read)}))

    return await journal.store.read_aside(look)
