"""The health of a store as `ailyus doctor` and the start of a gateway ask for it."""

import time

import pytest

from policies.principal import Key
from receipts.journal.journal import Journal
from receipts.journal.registry import insert_key
from receipts.store import health
from receipts.store.health import StoreCounts
from tests.receipts.making import action, conclude, intend, seal, told

pytestmark = pytest.mark.both_stores


async def test_what_is_open_is_counted(journal: Journal) -> None:
    waits = action("r1")
    await journal.request_approval(
        waits, seal(journal, waits, "decision", "approval_required"), b"{}", told("approval_required"), 2**50
    )
    await intend(journal, action("r2"))
    ended = action("r3")
    dispatch = await intend(journal, ended)
    await conclude(journal, ended, dispatch.fence)
    await journal.store.write(lambda txn: txn.write("INSERT INTO incidents VALUES ('act_1', 'r', 1, NULL)"))
    await journal.store.write(
        lambda txn: txn.write(
            "INSERT INTO escalations (id, action_id, route, created_ms, next_ms) VALUES ('esc_1', 'act_1', 'night', 1, 1)"
        )
    )
    await journal.store.write(
        lambda txn: txn.write("INSERT INTO halts VALUES ('hlt_1', 'all', '', 0, 'ann', 'why', 1, NULL)")
    )
    found = await journal.store.read_aside(health.counts)
    assert found == StoreCounts(journal.store.size, waiting=1, intents=1, halts=1, incidents=1, escalations=1)


async def test_who_has_a_passkey_and_what_was_used(journal: Journal) -> None:
    await intend(journal, action())
    for keyid, person, kind in (("k1", "bob", "passkey"), ("k2", "ann", "passkey"), ("k3", "eve", "file")):
        await journal.store.write(lambda txn, k=keyid, p=person, t=kind: insert_key(txn, Key(k, b"public", p, t)))
    assert await journal.store.read_aside(health.passkey_holders) == ["ann", "bob"]
    await journal.store.write(lambda txn: txn.write("UPDATE keys SET revoked = 1 WHERE keyid = 'k1'"))
    assert await journal.store.read_aside(health.passkey_holders) == ["ann"]
    assert "reset" in await journal.store.read_aside(health.used_contracts)


async def test_the_time_of_the_last_commit(journal: Journal) -> None:
    last = await journal.store.read_aside(health.last_commit_ms)
    assert last is not None
    assert abs(last - time.time() * 1000) < 60_000
    assert await journal.store.read_aside(health.has_log)


async def test_the_clock_and_the_tables_of_a_database(journal: Journal, database: str) -> None:
    if not database:  # what only a database is asked
        return
    at = await journal.store.read_aside(health.database_ms)
    assert abs(at - time.time() * 1000) < 60_000
    assert await journal.store.read_aside(lambda read: health.has_table(read, "head"))
    assert await journal.store.read_aside(lambda read: health.has_table(read, "search"))
