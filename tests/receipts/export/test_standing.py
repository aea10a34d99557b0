"""How exports stand, as the store says."""

from receipts.export.standing import standings
from receipts.journal.journal import Journal
from receipts.tables import export_states
from receipts.tables.export_states import UNREADABLE, ExportState


async def test_one_that_is_behind_one_that_stopped_and_one_that_cannot_be_read(journal: Journal) -> None:
    store = journal.store
    await store.write(lambda txn: export_states.begin(txn, "a", ExportState(cursor=-1, last=-1)))
    stopped = ExportState(cursor=0, last=0, stopped_ms=5, fault="it answered 400")
    await store.write(lambda txn: export_states.begin(txn, "b", stopped))
    await store.write(lambda txn: txn.write("INSERT INTO meta VALUES ('export/c', '{')"))
    asked = {"a": None, "b": None, "c": None, "d": None}
    found = await store.read_aside(lambda read: standings(read, asked))
    assert found.keys() == {"a", "b", "c"}
    assert (found["a"].behind, found["a"].stopped, found["a"].since_ms > 0) == (store.size, False, True)
    assert (found["b"].stopped, found["b"].fault) == (True, "it answered 400")
    # INVARIANT: to begin anew would leave out, or send again, what nobody knows
    assert (found["c"].stopped, found["c"].fault) == (True, UNREADABLE)
