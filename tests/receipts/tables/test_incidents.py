"""Incidents: which are open, who must see to an action, and what ends one."""

from dataclasses import replace

import pytest

from receipts.journal.journal import Journal
from receipts.journal.outcome import Escalation, OutcomeCommit
from receipts.tables import incidents
from receipts.tables.incidents import OpenIncident
from tests.receipts.making import action, intend, seal, told

pytestmark = pytest.mark.both_stores


async def _doubtful(journal: Journal, name: str = "r1") -> str:
    """An action that ended unknown, held for ever, with an incident and an escalation."""
    asked = action(name)
    dispatch = await intend(journal, asked)
    escalation = Escalation(f"esc_{name}", "night")
    end = OutcomeCommit(
        replace(asked, fence=dispatch.fence), seal(journal, asked, "outcome", "unknown"), "unknown",
        told("unknown"), 2**50, incident=name, escalation=escalation,
    )  # fmt: skip
    await journal.record_outcome(end)
    return asked.id


async def test_an_incident_is_open_until_it_is_resolved(journal: Journal) -> None:
    first, second = await _doubtful(journal, "r1"), await _doubtful(journal, "r2")
    found = await incidents.unresolved(journal.store, "acme")
    at = [one.at_ms for one in found]
    assert found == [
        OpenIncident(first, "reset", "unknown", "bot", "ann", "Reset", at[0]),
        OpenIncident(second, "reset", "unknown", "bot", "ann", "Reset", at[1]),
    ]
    assert await incidents.unresolved(journal.store) == found
    assert await incidents.unresolved(journal.store, "other") == []
    await journal.commit(action(), [lambda txn: incidents.resolve(txn, first)])
    assert [one.action_id for one in await incidents.unresolved(journal.store)] == [second]
    assert (journal.controls.has_incident("r1"), journal.controls.has_incident("r2")) == (False, True)


async def test_an_open_escalation_needs_somebody_too(journal: Journal) -> None:
    doubtful = await _doubtful(journal)
    assert await incidents.needs_somebody(journal.store, doubtful)
    await journal.store.write(lambda txn: incidents.resolve(txn, doubtful))
    assert await incidents.needs_somebody(journal.store, doubtful)  # its escalation
    await journal.store.write(lambda txn: txn.write("UPDATE escalations SET acknowledged_ms = 1"))
    assert not await incidents.needs_somebody(journal.store, doubtful)


async def test_a_persons_word_ends_the_incidents_of_the_steps_and_the_hold(journal: Journal) -> None:
    plan, step = await _doubtful(journal, "r1"), await _doubtful(journal, "r2")
    await journal.store.write(
        lambda txn: txn.write("UPDATE actions SET plan_id = ?, position = 0 WHERE id = ?", plan, step)
    )
    await journal.commit(action(), [lambda txn: incidents.resolve_all(txn, plan)])
    assert await incidents.unresolved(journal.store) == []
    assert not journal.controls.has_incident("r2")
    held = [found.held_until_ms for id_ in (plan, step) if (found := await journal.get(id_)) is not None]
    assert held == [0, 2**50]
