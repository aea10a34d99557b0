"""The entry of an export: begun once, and changed only by who read it last."""

import pytest

from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from receipts.tables import export_states
from receipts.tables.export_states import ExportState

pytestmark = pytest.mark.both_stores


async def test_of_two_that_read_the_same_entry_one_changes_it(journal: Journal) -> None:
    store = journal.store
    row = await store.write(lambda txn: export_states.begin(txn, "siem", ExportState(cursor=-1, last=-1)))
    with pytest.raises(Conflict):
        await store.write(lambda txn: export_states.begin(txn, "siem", ExportState(cursor=9, last=9)))
    assert (await store.read_aside(export_states.rows))["siem"] == row
    first = row.state.model_copy(update={"cursor": 4, "last": 4, "fence": 1})
    moved = await store.write(lambda txn: export_states.change(txn, row, first))
    with pytest.raises(Conflict):
        await store.write(lambda txn: export_states.change(txn, row, row.state.model_copy(update={"cursor": 2})))
    assert await store.read_aside(export_states.rows) == {"siem": moved}


async def test_what_a_newer_gateway_wrote_is_read(journal: Journal) -> None:
    store = journal.store
    text = '{"cursor": 3, "last": 2, "later": true}'
    await store.write(lambda txn: txn.write("INSERT INTO meta VALUES ('export/siem', ?)", text))
    row = (await store.read_aside(export_states.rows))["siem"]
    assert (row.state.cursor, row.state.last, row.text) == (3, 2, text)
    await store.write(lambda txn: export_states.change(txn, row, row.state))
