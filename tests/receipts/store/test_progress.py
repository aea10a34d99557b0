"""Whoever watches is told how far a work is, in its own context alone; and the audit, which takes longest, tells it."""

from contextvars import copy_context

from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.store.progress import tell, watched
from tests.receipts.making import SIGNER


def test_a_watcher_hears_of_what_is_done_in_its_block() -> None:
    told: list[tuple[int, int]] = []
    tell(0, 3)
    with watched(lambda done, total: told.append((done, total))):
        tell(1, 3)
        with watched(lambda done, total: None):
            tell(9, 9)
        copy_context().run(tell, 2, 3)
    tell(3, 3)
    assert told == [(1, 3), (2, 3)]


async def test_an_audit_tells_how_far_it_is(journal: Journal) -> None:
    told: list[tuple[int, int]] = []
    roots = Roots(origin="ailyus.test", keys={SIGNER.keyid: SIGNER.public.hex()})
    with watched(lambda done, total: told.append((done, total))):
        await journal.store.read_aside(lambda read: list(audit(read, roots)))
    assert told[-1] == (journal.store.size, journal.store.size)
