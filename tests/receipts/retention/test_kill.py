"""An archiver that is killed loses nothing: every action is in the store or in the file, and the next run goes on."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from receipts.archive.archive_file import open_archive
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.log.log_keys import LogKeys
from tests.receipts.closed import DAY_MS, ago, audited, close, journal_of, retention
from tests.receipts.making import KEY, SIGNER
from tests.receipts.stages import Clock
from tests.slowness import scaled
from tests.world import ROOT

ORIGIN = "ailyus.test"
ROOTS = Roots(origin=ORIGIN, keys={SIGNER.keyid: SIGNER.public.hex()})


def is_begun(folder: Path) -> bool:
    return any(folder.glob(".one.archive.*"))


def is_written(folder: Path) -> bool:
    return (folder / "one.archive").exists()


def is_removing(folder: Path) -> bool:
    with contextlib.closing(sqlite3.connect(folder / "store.db")) as connection, contextlib.suppress(sqlite3.Error):
        return connection.execute("SELECT 1 FROM archive_leaves LIMIT 1").fetchone() is not None
    return False


def kill_when(seen: Callable[[Path], bool], folder: Path, now_ms: int) -> None:
    """Run the archiver, and kill it as soon as it is so far, or let it end where it was faster."""
    arguments = (str(folder / "store.db"), str(folder / "one.archive"), str(now_ms))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.receipts.retention.archive_process", *arguments],
        stdin=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(KEY.private_bytes_raw().hex())
    end = time.monotonic() + scaled(30)
    while not seen(folder) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    process.kill()
    process.wait()


@pytest.mark.parametrize("seen", [is_begun, is_written, is_removing])
async def test_a_killed_archiver_loses_nothing(tmp_path: Path, seen: Callable[[Path], bool]) -> None:
    clock = Clock()
    journal = await journal_of(tmp_path / "store.db", clock)
    await asyncio.gather(*(close(journal, f"n{place}") for place in range(100)))
    clock.now_ms += 100 * DAY_MS
    await close(journal, "x", "y", "z")
    ids = {id_ for (id_,) in await journal.store.read("SELECT id FROM actions")}
    await journal.store.aclose()
    await asyncio.to_thread(kill_when, seen, tmp_path, clock.now_ms)
    journal = await journal_of(tmp_path / "store.db", clock)  # a start finds the log whole
    assert await journal.store.read_aside(lambda read: list(audit(read, ROOTS))) == []
    if (await journal.store.read("SELECT count(done_ms) FROM archives")) != [(1,)]:
        await retention(journal).archive(tmp_path / "one.archive", ago(journal, 90))
    left = {id_ for (id_,) in await journal.store.read("SELECT id FROM actions")}
    with open_archive(tmp_path / "one.archive", ORIGIN, LogKeys.of(SIGNER).public) as file:
        kept = {id_ for (id_,) in file.read("SELECT id FROM actions")}
        assert await audited(journal, file) == []
    assert (left | kept, left & kept, len(kept)) == (ids, set(), 100)
    await journal.store.aclose()
