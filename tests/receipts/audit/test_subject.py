"""Who is found: by what is indexed, by what stands in any value, in whichever case or escape, and only in one tenant."""

import pytest

from receipts.audit.subject import actions_that_hold, has_key, indexed_actions, is_kept
from receipts.journal.journal import Journal
from tests.receipts.subject import ID, MAIL, done_about

pytestmark = pytest.mark.both_stores


async def test_somebody_is_found_by_index_and_by_reading(journal: Journal) -> None:
    of, _ = await done_about(journal, MAIL, "Zoë")
    look = journal.store.read_aside
    for value in (MAIL, ID, ID.lower()):
        assert of.id in await look(lambda read, v=value: indexed_actions(read, "acme", v))  # type: ignore[misc]
    assert await look(lambda read: actions_that_hold(read, "acme", "SUBJECT@erasure")) == {of.id}
    for tenant, value in (("umbrella", MAIL), ("acme", "nobody@erasure.example")):
        assert not await look(lambda read, t=tenant, v=value: actions_that_hold(read, t, v))  # type: ignore[misc]
        assert not await look(lambda read, t=tenant, v=value: indexed_actions(read, t, v))  # type: ignore[misc]
    assert await look(lambda read: has_key(read, of.id) and is_kept(read, of.id))
    assert not await look(lambda read: is_kept(read, "act_0"))
