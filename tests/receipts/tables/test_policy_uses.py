"""How often policies decided: by verdict, each action once, of one tenant."""

import pytest

from receipts.journal.journal import Journal
from receipts.tables.policy_uses import PolicyUse, policy_uses
from tests.receipts.tables.decided import decided

pytestmark = pytest.mark.both_stores


async def test_verdicts_are_counted_by_policy(journal: Journal) -> None:
    await decided(journal, "denied", 10, "wall", "freeze")
    await decided(journal, "denied", 11, "wall")
    await decided(journal, "approval_required", 12, "lead")
    await decided(journal, "denied", 1, "old")
    read = journal.store.read_aside
    found = await read(lambda r: policy_uses(r, "acme", 5))
    assert found == {"freeze": PolicyUse(denied=1), "lead": PolicyUse(asked=1), "wall": PolicyUse(denied=2)}
    assert await read(lambda r: policy_uses(r, "umbrella", 0)) == {}
