"""Who has approved an action so far, in order."""

from pathlib import Path

from receipts.tables.approvals import approvers
from tests.receipts.making import action, approval, journal_at, seal
from tests.receipts.stages import Clock, ask


async def test_everybody_who_approved_this_action_in_order(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of, other = await ask(journal, action("r1")), await ask(journal, action("r2"))
    assert await approvers(journal.store, of.id) == []
    for asked, person in ((of, "lead"), (other, "eve"), (of, "director")):
        clock.now_ms += 1
        signed = approval(asked, person, person)
        await journal.approve(asked, signed, seal(journal, asked, "decision", "approved"), False, 0)
    assert await approvers(journal.store, of.id) == ["lead", "director"]
    await journal.store.aclose()
