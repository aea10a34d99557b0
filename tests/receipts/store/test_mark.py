"""The mark of a copy: set, seen, and taken off by a commit."""

import pytest

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.store.mark import SET, is_copy, refuse_copy, take_off

pytestmark = pytest.mark.both_stores


async def test_a_copy_is_refused_until_its_mark_is_off(journal: Journal) -> None:
    store = journal.store
    assert not await store.read_aside(is_copy)
    await store.read_aside(refuse_copy)
    await store.write(lambda txn: txn.write(SET, "1"))
    await store.write(lambda txn: txn.write(SET, "2"))  # a copy of a copy
    assert await store.read_aside(is_copy)
    with pytest.raises(AilyusError, match="came out of a backup"):
        await store.read_aside(refuse_copy)
    await store.write(take_off)
    assert not await store.read_aside(is_copy)
