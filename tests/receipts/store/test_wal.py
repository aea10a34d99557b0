"""The write-ahead log of a file: bounded when nobody reads an older state; and who does is said."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from receipts.store import wal, wal_bound
from receipts.store.sqlite import SqliteStore
from server.admin import store_health
from tests.receipts.making import SIGNER
from tests.receipts.statements import statement
from tests.until import until

READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM statements").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""


@contextmanager
def reader(path: Path) -> Iterator[int]:
    """Another process that holds one state of the store open; its id."""
    with subprocess.Popen(
        [sys.executable, "-c", READ, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield process.pid


async def test_it_is_cut_when_nobody_reads_an_older_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "LIMIT", 200_000)
    monkeypatch.setattr(wal_bound, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(wal_bound, "LOOK_SECONDS", 0.0)
    path = tmp_path / "store.db"
    store = SqliteStore(path, SIGNER, "ailyus.test")
    try:
        await store.write(lambda txn: statement(txn, "rcp_first"))
        with reader(path) as pid:
            for number in range(60):
                await store.write(lambda txn, n=number: statement(txn, f"rcp_{n}"))
            assert wal.size_of(path) > wal.LIMIT
            assert pid in [holder.pid for holder in wal.holders(path)]
            finding = store_health.wal_health(path)
            assert not finding.ok
            assert f"(pid {pid})" in finding.next
        await store.write(lambda txn: statement(txn, "rcp_last"))
        await until(lambda: wal.size_of(path) <= wal.LIMIT)
        assert store_health.wal_health(path).ok
        assert wal.holders(path) == []
    finally:
        store.close()
