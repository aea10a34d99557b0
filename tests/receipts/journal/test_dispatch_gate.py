"""The gate knows which actions are this process's, and forgets what may not be sent any more."""

from dataclasses import replace
from pathlib import Path

from receipts.journal.dispatch_gate import DispatchGate
from tests.receipts.making import action, intend, journal_at


async def test_an_order_of_an_earlier_life_never_passes(tmp_path: Path) -> None:
    """After a restart the gate knows of no fence, so that an order that was kept somewhere is worth nothing."""
    journal = await journal_at(tmp_path / "s.db")
    dispatch = await intend(journal, action())
    assert DispatchGate(journal.controls).enter(dispatch) == "another owner holds this action"
    assert journal.enter(dispatch) is None
    journal.store.close()


async def test_what_is_void_is_not_sent(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "s.db")
    asked = action()
    dispatch = await intend(journal, asked)
    assert journal.gate.owns(replace(asked, state="running", fence=dispatch.fence))
    journal.gate.void(asked.id)
    assert not journal.gate.owns(replace(asked, state="running", fence=dispatch.fence))
    assert journal.enter(dispatch) == "another owner holds this action"
    journal.store.close()


async def test_leases_are_renewed_of_what_is_held_here(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "s.db")
    asked = action()
    dispatch = await intend(journal, asked)
    journal.gate.track_plan("act_plan", 7)
    running = {asked.id, "act_plan", "act_of_somebody_else"}
    assert sorted(journal.gate.held(running)) == sorted([(asked.id, dispatch.fence), ("act_plan", 7)])
    journal.gate.track_plan("act_plan", None)
    assert journal.gate.held(running) == [(asked.id, dispatch.fence)]
    journal.store.close()
