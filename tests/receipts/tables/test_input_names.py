"""The names of inputs are kept up to an action that is old enough; whoever asks reads the newer ones."""

from dataclasses import replace

import orjson
import pytest

from receipts.journal.journal import Journal
from receipts.store.transaction import Txn
from receipts.tables import input_names as table
from receipts.tables.input_names import SETTLED_MS, input_names, keep_input_names
from tests.receipts.making import action, intend

DAY_MS = 86_400_000


async def asked(journal: Journal, name: str, age_ms: int = 0) -> None:
    """An action with an input of this name, so old; their ids stand in the order of their names."""
    made = replace(action(name), id=f"act_{name}")
    await intend(journal, made)
    request, at_ms = orjson.dumps({"params": {name: "x"}}), journal.store.now_ms() - age_ms

    def work(txn: Txn) -> None:
        txn.write("UPDATE actions SET request = ?, created_ms = ? WHERE id = ?", request, at_ms, made.id)

    await journal.store.write(work)


async def names(journal: Journal) -> set[str]:
    return set(await journal.store.read_aside(input_names))


@pytest.mark.both_stores
async def test_all_are_found_whether_they_are_kept_or_not(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PAGE", 2)
    for name in ("a", "b", "c"):
        await asked(journal, name, DAY_MS)
    await asked(journal, "d", SETTLED_MS // 2)
    assert await names(journal) == {"a", "b", "c", "d"}
    await keep_input_names(journal.store)
    kept = await journal.store.read_aside(table._kept)
    # the one that is half an hour old is read again each time: an older id may still come from another replica
    assert set(kept.names) == {"a", "b", "c"}
    assert await names(journal) == {"a", "b", "c", "d"}
    await asked(journal, "e")
    assert await names(journal) == {"a", "b", "c", "d", "e"}


async def test_an_entry_that_cannot_be_read_is_made_anew(journal: Journal) -> None:
    await asked(journal, "a", DAY_MS)
    await journal.store.write(lambda txn: txn.write(table._SET, table._KEY, "{", rows=None))
    assert await names(journal) == {"a"}
    await keep_input_names(journal.store)
    assert set((await journal.store.read_aside(table._kept)).names) == {"a"}
