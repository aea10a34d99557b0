"""The keys of actions: made with the action, read again by the next transaction, and never one that was taken back."""

from contextlib import suppress
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.store.data_keys import DataKeys
from receipts.store.row import blob
from receipts.store.transaction import Txn
from tests.receipts.making import store_at
from tests.receipts.stages import end, send, stored

pytestmark = pytest.mark.both_stores
SEALED = "SELECT count(*) FROM {} WHERE substr({}, 1, 3) = ?"


async def test_every_personal_value_of_an_action_is_sealed_and_read_by_whoever_has_the_key(journal: Journal) -> None:
    of = await send(journal, "maria-7")
    await end(journal, of)

    async def plain(sql: str) -> set[bytes]:
        rows = await journal.store.read_sealed(lambda read: read(sql))
        return {blob(value)[:4] for row in rows for value in row if value is not None}

    assert await plain("SELECT request, result, asked FROM actions") == {b"\0aeD"}
    assert await plain("SELECT before, after FROM intents") == {b"\0aeD"}
    assert await plain("SELECT data FROM evidence JOIN statements USING (leaf_index) WHERE action_id IS NOT NULL") == {
        b"\0aeS"
    }
    assert {salt for (salt,) in await journal.store.read_sealed(lambda read: read(
        "SELECT salt FROM evidence JOIN statements USING (leaf_index) WHERE action_id IS NOT NULL"
    ))} == {b""}  # fmt: skip
    assert (await stored(journal, of)).request.params == {"id": "maria-7"}
    # whoever comes without what is remembered reads the same
    journal.store.data_keys = DataKeys(lambda: journal.handles.derived(b"ailyus data keys"))
    assert (await stored(journal, of)).request.params == {"id": "maria-7"}
    assert await journal.store.read("SELECT count(*) FROM data_keys") == [(1,)]


async def test_a_key_that_was_taken_back_seals_nothing(journal: Journal) -> None:
    kept: list[bytes] = []

    def fails(txn: Txn) -> None:
        txn.keys.begin("acme", "act_1")
        kept.append(txn.keys.seal("acme", "act_1", b"lost"))
        raise AilyusError("internal", "no")

    with suppress(AilyusError):
        await journal.store.write(fails)
    assert await journal.store.read("SELECT count(*) FROM data_keys") == [(0,)]
    sealed = await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"kept"))
    rows = await journal.store.read("SELECT id FROM data_keys WHERE action_id = 'act_1'")
    assert rows == [(int.from_bytes(sealed[4:12]),)]
    again = await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"more"))
    assert (sealed[4:12], sealed[12:]) == (again[4:12], sealed[12:])
    assert sealed[4:12] not in [one[4:12] for one in kept]


async def test_a_store_of_another_key_takes_no_action(journal: Journal) -> None:
    await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"kept"))
    journal.store.data_keys = DataKeys(lambda: bytes(32))
    with pytest.raises(AilyusError, match="sealed with another key"):
        await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"more"))
    journal.store.data_keys = DataKeys(lambda: None)
    with pytest.raises(AilyusError, match="sealed with another key"):
        await journal.store.write(lambda txn: txn.keys.seal("umbrella", "act_2", b"more"))


async def test_a_key_of_another_action_does_not_open(journal: Journal) -> None:
    await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"kept"))
    await journal.store.write(lambda txn: txn.write("UPDATE data_keys SET id = id + 1"))
    assert journal.store.data_keys is not None
    journal.store.data_keys.forget(["act_1"])
    with pytest.raises(AilyusError, match="sealed with another key"):
        await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"more"))


def test_a_store_without_keys_seals_nothing(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.db")
    with pytest.raises(AilyusError, match="no key to seal"):
        store.submit(lambda txn: txn.keys.seal("acme", "act_1", b"x")).result()
    store.close()
