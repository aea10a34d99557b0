"""How routes went, of one tenant: the last delivery, what is open, what was given up or handed on."""

import pytest

from receipts.journal.journal import Journal
from receipts.journal.outcome import Escalation, escalate
from receipts.tables import escalations, notices, routes
from receipts.tables.notices import DueNotice
from receipts.tables.routes import RouteUse
from tests.receipts.making import action, seal, told

pytestmark = pytest.mark.both_stores


async def test_each_route_says_how_it_went(journal: Journal) -> None:
    asked = action()
    await journal.request_approval(
        asked, seal(journal, asked, "decision", "approval_required"), b"{}", told("approval_required"), 2**50
    )

    for name, event, route in (
        ("ntc_1", "waiting", "leads"),
        ("ntc_2", "reminder", "leads"),
        ("ntc_3", "waiting", "ops"),
    ):
        await journal.store.write(lambda txn, n=name, e=event, r=route: notices.add(txn, n, asked.id, e, r))  # type: ignore[misc]
    await journal.store.write(
        lambda txn: notices.record_try(
            txn, DueNotice("ntc_1", asked.id, "waiting", "leads", 0), next_ms=5, delivered_ms=5
        )
    )
    await journal.store.write(
        lambda txn: notices.record_try(txn, DueNotice("ntc_3", asked.id, "waiting", "ops", 7), next_ms=6, failed_ms=6)
    )
    found = sorted(await routes.of_notices(journal.store, "acme"), key=lambda one: one.route)
    assert found == [RouteUse("leads", 5, 1, 0), RouteUse("ops", None, 0, 1)]
    assert await routes.of_notices(journal.store, "globex") == []
    for name in ("esc_1", "esc_2"):
        await journal.store.write(lambda txn, n=name: escalate(txn, Escalation(n, "on-call"), asked.id))  # type: ignore[misc]
    await journal.store.write(lambda txn: escalations.deliver(txn, "esc_1", at_ms=9, next_ms=10))
    await journal.store.write(lambda txn: escalations.hand_on(txn, "esc_2", at_ms=9))
    assert await routes.of_escalations(journal.store, "acme") == [RouteUse("on-call", 9, 1, 1)]
    assert await routes.of_escalations(journal.store, "globex") == []
