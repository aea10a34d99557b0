"""The overview of a tenant's log: bounded, by parts of the time, by rule and by connection; nothing of other tenants."""

from typing import Any

import pytest

from contracts.canonical import new_id
from receipts.journal.journal import Journal
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.statement import StatementSubject
from receipts.store.transaction import Txn
from receipts.tables import overview
from receipts.tables.overview import Outcomes
from tests.receipts.making import action, conclude, intend, seal, told
from tests.receipts.tables.decided import decided

pytestmark = pytest.mark.both_stores


async def test_ends_are_counted_by_status_in_parts_of_the_time(journal: Journal) -> None:
    for at, status in ((100, "denied"), (119, "denied"), (120, "refused"), (99, "denied"), (130, "approved")):
        await decided(journal, status, at)
    found = await journal.store.read_aside(lambda read: overview.outcomes(read, "acme", 100, 20))
    assert found == [Outcomes(0, "denied", 2), Outcomes(1, "refused", 1)]
    assert await journal.store.read_aside(lambda read: overview.outcomes(read, "umbrella", 100, 20)) == []


async def test_the_newest_alone_are_counted(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    # the tenant's own first statement is the newest
    monkeypatch.setattr(overview, "MAX_STATEMENTS", 3)
    for at in (100, 110, 120):
        await decided(journal, "denied", at)
    read = journal.store.read_aside
    assert await read(lambda r: overview.outcomes(r, "acme", 0, 1000)) == [Outcomes(0, "denied", 2)]
    assert await read(lambda r: overview.oldest_counted(r, "acme", 0)) == 110
    assert await read(lambda r: overview.oldest_counted(r, "acme", 115)) == 115


async def test_denials_are_counted_by_rule(journal: Journal) -> None:
    await decided(journal, "denied", 1, "wall", "freeze")
    await decided(journal, "denied", 2, "wall")
    await decided(journal, "denied", 3)
    await decided(journal, "approved", 4, "not-this")
    found = await journal.store.read_aside(lambda read: overview.denials_by_rule(read, "acme", 0))
    assert list(found.items()) == [("wall", 2), ("", 1), ("freeze", 1)]
    assert await journal.store.read_aside(lambda read: overview.denials_by_rule(read, "umbrella", 0)) == {}


async def test_lead_times_are_from_the_request_to_the_word(journal: Journal) -> None:
    asked = action("r1")
    await journal.request_approval(
        asked, seal(journal, asked, "decision", "approval_required"), b"{}", told("approval_required"), 2**50
    )
    known = await journal.get(asked.id)
    assert known is not None
    about = StatementSubject(asked.request, asked.id, "release-1", True)
    sealed = journal.notary.seal(
        DecisionFacts(),
        new_id("rcp"),
        about,
        status="approved",
        changed=None,
        at_ms=known.created_ms + 4_000,
        evidence={},
    )
    await journal.store.write(lambda txn: _insert(txn, sealed))
    (one,) = await journal.store.read_aside(lambda read: overview.lead_times(read, "acme", 0))
    assert one.waited_ms == 4_000


def _insert(txn: Txn, sealed: Any) -> None:
    sealed.insert(txn)


async def test_what_was_sent_stands_by_connection(journal: Journal) -> None:
    of = action("r1")
    dispatch = await intend(journal, of)
    (one,) = await journal.store.read_aside(lambda read: overview.sent(read, "acme", 0))
    assert (one.connection, one.is_ended) == (of.request.connection, False)
    await conclude(journal, of, dispatch.fence)
    (one,) = await journal.store.read_aside(lambda read: overview.sent(read, "acme", 0))
    assert (one.status, one.is_ended, one.updated_ms >= one.sent_ms > 0) == ("confirmed", True, True)
    assert await journal.store.read_aside(lambda read: overview.sent(read, "other", 0)) == []
