"""A mark differs as soon as its page would, and says nothing of another tenant."""

from pathlib import Path

from receipts.journal.outcome import Escalation, acknowledge
from receipts.tables.marks import of_action, of_inbox
from tests.receipts.making import action, approval, journal_at, seal
from tests.receipts.stages import Clock, ask, end, send, stored


async def test_an_inbox_changes_with_what_waits_is_escalated_or_in_doubt(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    assert await of_inbox(journal.store, "acme") == []
    waiting = await ask(journal, action("waits"))
    assert await of_inbox(journal.store, "acme") == [(waiting.id, clock.now_ms)]
    sent = await send(journal)
    await end(journal, sent, status="unknown", incident="pseudonym", escalation=Escalation("esc_1", "on-call"))
    now = clock.now_ms
    assert await of_inbox(journal.store, "acme") == [(waiting.id, now), ("esc_1", now), (sent.id, now)]
    assert await of_inbox(journal.store, "umbrella") == []
    clock.now_ms += 1
    await journal.approve(waiting, approval(waiting), seal(journal, waiting, "decision", "approved"), False, 0)
    assert (await of_inbox(journal.store, "acme"))[0] == (waiting.id, clock.now_ms)
    await journal.store.write(lambda txn: acknowledge(txn, sent.id, "lead"))
    await journal.store.write(lambda txn: txn.write("UPDATE incidents SET resolved_ms = 1"))
    assert await of_inbox(journal.store, "acme") == [(waiting.id, clock.now_ms)]
    await journal.store.aclose()


async def test_an_action_changes_with_its_row_its_statements_and_its_steps(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    plan, step = await send(journal, "plan"), await send(journal, "step")
    ((state, status, at, leaf, steps),) = await of_action(journal.store, "acme", plan.id)
    assert (state, status, at, steps) == ("running", "running", clock.now_ms, 0)
    await journal.store.write(lambda txn: txn.write("UPDATE actions SET plan_id = ? WHERE id = ?", plan.id, step.id))
    assert (await of_action(journal.store, "acme", plan.id))[0][4] == 1
    clock.now_ms += 1
    await end(journal, await stored(journal, plan))
    ((state, status, at, later, _),) = await of_action(journal.store, "acme", plan.id)
    assert (state, status, at) == ("ended", "confirmed", clock.now_ms)
    assert isinstance(leaf, int)
    assert isinstance(later, int)
    assert later > leaf
    assert await of_action(journal.store, "umbrella", plan.id) == []
    assert await of_action(journal.store, "acme", "act_none") == []
    await journal.store.aclose()
