"""The next batch of an export: in order, of one tenant or of all, and never past a hole."""

import pytest

from receipts.export.batch import WINDOW, ExportBatch, ExportHole, lag_of, next_batch
from receipts.journal.journal import Journal
from tests.receipts.export.records import logged


async def batch(
    journal: Journal, cursor: int, last: int, limit: int = 100, tenant: str | None = None
) -> ExportBatch | ExportHole | None:
    return await journal.store.read_aside(lambda read: next_batch(read, cursor, last, limit, tenant))


@pytest.mark.both_stores
async def test_batches_hold_every_leaf_once_and_each_names_the_one_before_it(journal: Journal) -> None:
    newest = await logged(journal)
    cursor, last, seen = -1, -1, []
    while isinstance(found := await batch(journal, cursor, last, 2), ExportBatch):
        assert [one.after for one in found.records] == [last, *(one.leaf_index for one in found.records[:-1])]
        seen += [one.leaf_index for one in found.records]
        cursor, last = found.cursor, found.records[-1].leaf_index
    assert found is None
    assert seen == list(range(newest + 1))


@pytest.mark.both_stores
async def test_of_one_tenant_there_are_no_others_and_the_cursor_goes_on_over_them(journal: Journal) -> None:
    newest = await logged(journal, 1)
    found = await batch(journal, -1, -1, tenant="acme")
    assert isinstance(found, ExportBatch)
    kinds = {r.envelope.payload.split(b'"kind":"')[1].split(b'"')[0] for r in found.records}
    assert {b"intent", b"outcome"} <= kinds
    assert b"release" not in kinds
    other = await batch(journal, -1, -1, tenant="globex")
    assert other == ExportBatch((), newest)
    assert (await journal.store.read_aside(lambda read: lag_of(read, -1, "globex"))).since_ms == 0


@pytest.mark.both_stores
async def test_a_hole_ends_the_batch_before_it_and_is_told_then(journal: Journal) -> None:
    newest = await logged(journal)
    gone = newest - 1
    await journal.store.write(lambda txn: txn.write("DELETE FROM statements WHERE leaf_index = ?", gone))
    found = await batch(journal, -1, -1)
    assert isinstance(found, ExportBatch)
    assert (found.cursor, found.last) == (gone - 1, gone - 1)
    hole = await batch(journal, gone - 1, gone - 1)
    assert hole == ExportHole(gone, False)
    await journal.store.write(lambda txn: txn.write("INSERT INTO archive_leaves VALUES (?, 'r', 'a')", gone))
    hole = await batch(journal, gone - 1, gone - 1, tenant="globex")
    assert hole == ExportHole(gone, True)
    assert hole.says == f"the statements from leaf {gone} on are in an archive"


async def test_a_window_bounds_what_one_look_reads() -> None:
    asked: list[tuple[object, ...]] = []

    def read(sql: str, *params: object) -> list[tuple[int]]:
        asked.append(params)
        return [(10 * WINDOW,)] if "max" in sql else [(WINDOW,)] if "count" in sql else []

    found = next_batch(read, 5, 5, 10, None)  # type: ignore[arg-type]
    assert found == ExportBatch((), 5 + WINDOW)
    assert (5, 5 + WINDOW) in asked
