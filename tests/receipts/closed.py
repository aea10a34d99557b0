"""A store with closed actions in it, and a clock that goes on by days."""

from pathlib import Path

from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.retention.retention import Retention
from tests.receipts.making import journal_at
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
