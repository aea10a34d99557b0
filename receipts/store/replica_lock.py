"""The advisory lock of a database: shared by the replicas that use it, held alone by whoever migrates or copies it."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from contracts.errors import AilyusError
from receipts.store.connection import FAULTS, DatabaseSession, said
from receipts.store.database_url import DatabaseUrl
from receipts.store.store import ARCHIVES

_PAUSE_SECONDS: Final = 0.1
_TRIES: Final = 10
_SHARE_TRIES: Final = 30
_SHARED: Final = "SELECT pg_try_advisory_lock_shared(8421)"
"""Held by every replica for as long as its session lives, so that nobody migrates under it."""
_ALONE: Final = "SELECT pg_try_advisory_lock(8421)"
_ARCHIVER: Final = "SELECT pg_try_advisory_lock(8423)"
_ARCHIVED: Final = "SELECT pg_advisory_unlock(8423)"


def share(session: DatabaseSession) -> None:
    """Take a replica's share of it, within 3 s. Raises `owner_elsewhere`."""
    if not _taken(session, _SHARED, _SHARE_TRIES):
        raise AilyusError("owner_elsewhere", "the store is being migrated", hint="start the gateway after it")


def _taken(session: DatabaseSession, lock: str, tries: int = _TRIES) -> bool:
    """Is the lock ours? The server knows a session that has just ended for a moment longer, so it is asked again."""
    for _ in range(tries):
        if session.query(lock) == [(True,)]:
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


@contextmanager
def looking(url: str | DatabaseUrl) -> Iterator[DatabaseSession]:
    """A session beside replicas, for reading. Raises `store_corrupt` when there is no database."""
    session = DatabaseSession(url)
    try:
        session.open()
        yield session
    except FAULTS as error:
        raise AilyusError("store_corrupt", f"the database does not answer: {said(error)}") from None
    finally:
        session.close()


@contextmanager
def archiver(url: str | DatabaseUrl) -> Iterator[None]:
    """The one who archives, whatever process that is. Raises `owner_elsewhere`."""
    with looking(url) as session:
        # not asked twice: an archive takes minutes, and who waited for it would find nothing left to do
        if not _taken(session, _ARCHIVER, 1):  # guard: one archives
            raise AilyusError("owner_elsewhere", ARCHIVES, hint="wait until it has ended")
        try:
            yield
        finally:
            # the server knows a session that has just ended for a moment longer, and its lock with it
            with contextlib.suppress(*FAULTS):
                session.query(_ARCHIVED)


@contextmanager
def alone(url: str) -> Iterator[DatabaseSession]:
    """A session while no replica has one, within 1 s.

    Raises `owner_elsewhere`, or `store_corrupt` when there is no database.
    """
    with looking(url) as session:
        if not _taken(session, _ALONE):
            hint = "end every gateway of this database first"
            raise AilyusError("owner_elsewhere", "a gateway uses the database", hint=hint)
        yield session
