"""Closed actions leave the store for a file: nothing is lost, nothing that is live goes, and the log stays whole."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.archive.action_group import read_groups
from receipts.archive.archive_file import ArchiveWriter, open_archive
from receipts.audit.archive_walk import unread
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.retention import retention as run
from receipts.retention.removal import remove
from receipts.store.row import Row
from receipts.store.transaction import Conflict
from tests.receipts.closed import ago, audited, close, journal_of, retention
from tests.receipts.making import SIGNER
from tests.receipts.stages import Clock, send

pytestmark = pytest.mark.both_stores
ORIGIN = "ailyus.test"
KEYS = LogKeys.of(SIGNER).public
ROOTS = Roots(origin=ORIGIN, keys={SIGNER.keyid: SIGNER.public.hex()})
DAY = 86_400_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def old(tmp_path: Path, database: str, clock: Clock) -> AsyncIterator[Journal]:
    """Five closed actions and an open one, 100 days ago; three closed ones now, which are those that the breaker counts."""
    journal = await journal_of(tmp_path / "store.db", clock, database)
    await close(journal, "a", "b", "c", "d", "e")
    await send(journal, "open", timeout_ms=2**40)
    clock.now_ms += 100 * DAY
    await close(journal, "x", "y", "z")
    yield journal
    await journal.store.aclose()


async def rows(journal: Journal, sql: str) -> list[Row]:
    return await journal.store.read_aside(lambda read: read(sql))


async def test_closed_actions_leave_and_the_log_is_whole(old: Journal, tmp_path: Path) -> None:
    before = await rows(old, "SELECT count(*) FROM statements")
    summary = await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    assert summary.archive is not None
    assert (summary.removed.actions, summary.removed.changed) == (5, 0)
    assert summary.archive.statements == 10
    assert await rows(old, "SELECT count(*) FROM actions") == [(4,)]
    assert await rows(old, "SELECT count(*) FROM statements") == [(before[0][0] - 10 + 1,)]  # type: ignore[operator]
    assert await rows(old, "SELECT count(*) FROM archive_leaves") == [(10,)]
    with open_archive(tmp_path / "one.archive", ORIGIN, KEYS) as file:
        assert list(file.faults()) == []
        assert file.manifest.actions == 5
        at_hand = {file.manifest.digest: file}
        assert await audited(old, file) == []
        assert await old.store.read_aside(lambda read: unread(read, at_hand)) == []
    assert await old.store.read_aside(lambda read: list(audit(read, ROOTS))) == []
    said = await old.store.read_aside(lambda read: unread(read, {}))
    assert said == ["10 statements are in the archive `one.archive`, which was not read"]
    # a start reads the whole log
    await old.ledger.load()


async def test_a_second_run_has_nothing_to_do(old: Journal, tmp_path: Path) -> None:
    await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    size = old.store.size
    again = await retention(old).archive(tmp_path / "two.archive", ago(old, 90))
    assert again.archive is None
    assert not (tmp_path / "two.archive").exists()
    with pytest.raises(AilyusError, match="exists already"):
        await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    assert old.store.size == size


async def test_two_at_once_exclude_each_other(old: Journal, tmp_path: Path) -> None:
    runs = [retention(old).archive(tmp_path / f"{name}.archive", ago(old, 90)) for name in "ab"]
    done = await asyncio.gather(*runs, return_exceptions=True)
    refused = [one for one in done if isinstance(one, AilyusError)]
    assert [one.code for one in refused] == ["owner_elsewhere"]
    assert await rows(old, "SELECT count(*) FROM archives") == [(1,)]


async def broken_off(journal: Journal, out: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: int) -> None:
    """A run whose process ends at the `after`-th use of a part of it."""
    whole, uses = getattr(run, name), itertools.count()

    def ends(*given: object, **named: object) -> object:
        if next(uses) >= after:
            raise RuntimeError("the end of its process")
        return whole(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(run, name, ends)
        with pytest.raises(RuntimeError, match="the end of its process"):
            await retention(journal).archive(out, ago(journal, 90))
    await asyncio.to_thread(gone, journal)


def gone(journal: Journal) -> None:
    """Wait until the database knows that the session of an archiver has ended."""
    for _ in range(500):
        with contextlib.suppress(AilyusError), journal.store.archiving():
            return
        time.sleep(0.02)
    pytest.fail("somebody still archives")


@pytest.mark.parametrize(
    ("name", "after"),
    [("read_groups", 0), ("open_archive", 0), ("open_archive", 1), ("open_archive", 3), ("remove", 0), ("remove", 1)],
)
async def test_a_run_that_was_broken_off_loses_nothing_and_is_gone_on_with(
    old: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    ids = {id_ for (id_,) in await rows(old, "SELECT id FROM actions")}
    out = tmp_path / "one.archive"
    await broken_off(old, out, monkeypatch, name, after)
    assert await old.store.read_aside(lambda read: list(audit(read, ROOTS))) == []
    await retention(old).archive(out, ago(old, 90))
    left = {id_ for (id_,) in await rows(old, "SELECT id FROM actions")}
    with open_archive(out, ORIGIN, KEYS) as file:
        kept = {id_ for (id_,) in file.read("SELECT id FROM actions")}
        assert await audited(old, file) == []
    assert (left | kept, left & kept, len(kept)) == (ids, set(), 5)
    assert await rows(old, "SELECT count(*), count(done_ms) FROM archives") == [(1, 1)]
    assert await rows(old, "SELECT count(*) FROM statements WHERE kind = 'archive'") == [(1,)]


async def test_one_that_was_broken_off_needs_its_file(
    old: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broken_off(old, tmp_path / "one.archive", monkeypatch, "remove", 0)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "one.archive").rename(tmp_path / "elsewhere" / "one.archive")
    with pytest.raises(AilyusError, match=r"`one\.archive` was broken off"):
        await retention(old).archive(tmp_path / "two.archive", ago(old, 90))
    (tmp_path / "one.archive").write_bytes((tmp_path / "store.head").name.encode())
    with pytest.raises(AilyusError, match="is no archive"):
        await retention(old).archive(tmp_path / "two.archive", ago(old, 90))
    (tmp_path / "one.archive").unlink()
    done = await retention(old, tmp_path / "elsewhere").archive(tmp_path / "two.archive", ago(old, 90))
    assert (done.finished, done.removed.actions, done.archive) == (("one.archive",), 5, None)


async def test_what_changed_since_the_file_was_written_stays(
    old: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broken_off(old, tmp_path / "one.archive", monkeypatch, "remove", 0)
    ((first,), *_) = await rows(old, "SELECT id FROM actions ORDER BY id")
    await old.store.write(lambda txn: txn.write("UPDATE actions SET updated_ms = updated_ms + 1 WHERE id = ?", first))
    done = await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    assert (done.removed.actions, done.removed.changed) == (4, 1)
    assert await rows(old, f"SELECT count(*) FROM actions WHERE id = '{first}'") == [(1,)]


async def test_a_gap_that_no_statement_names_is_found(old: Journal, tmp_path: Path) -> None:
    await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    # whoever writes rows would have the end of a halt, or another word of the log, taken for an archived one
    hide = (
        "INSERT INTO archive_leaves SELECT leaf_index, id, (SELECT id FROM archive_actions LIMIT 1) FROM statements"
        " WHERE leaf_index = 12"
    )
    await old.store.write(lambda txn: txn.write(hide))
    await old.store.write(lambda txn: txn.write("DELETE FROM statements WHERE leaf_index = 12"))
    found = await old.store.read_aside(lambda read: list(audit(read, ROOTS)))
    assert "leaf 12 left the store, and no statement says so" in found
    with pytest.raises(AilyusError, match="the statements are not those"):
        await old.ledger.load()


async def test_what_closed_within_the_longest_day_is_not_archived(old: Journal, tmp_path: Path) -> None:
    for days in (0, 1):  # where clocks are put back, a budget of a day counts 25 hours
        with pytest.raises(AilyusError, match="only what closed 26 hours ago"):
            await retention(old).archive(tmp_path / "one.archive", ago(old, days))


async def test_a_call_that_is_archived_still_counts_as_made(old: Journal, tmp_path: Path) -> None:
    ((id_,), *_) = await rows(old, "SELECT id FROM actions ORDER BY id")
    action = await old.get(str(id_))
    assert action is not None
    before = await old.repeats(action.request.call_key, "act_new")
    await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    assert await old.get(str(id_)) is None
    assert await old.repeats(action.request.call_key, "act_new") == before == 1


async def test_nothing_is_removed_without_its_statement(old: Journal) -> None:
    ((id_,), *_) = await rows(old, "SELECT id FROM actions ORDER BY id")
    (group,) = await old.store.read_aside(lambda read: read_groups(read, [str(id_)]))
    with pytest.raises(Conflict):
        await old.store.write(lambda txn: remove(txn, "no digest", {str(id_): group.digest}, lambda _, who: who))
    assert await rows(old, f"SELECT count(*) FROM actions WHERE id = '{id_}'") == [(1,)]


async def test_a_disk_that_keeps_less_than_was_written_takes_nothing_from_the_store(
    old: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(ArchiveWriter):
        def sign(self, note: str) -> None:
            super().sign(note)
            self._connection.execute("DELETE FROM intents WHERE rowid = 1")

    monkeypatch.setattr(run, "ArchiveWriter", Forgetful)
    with pytest.raises(AilyusError, match="is not what the archive"):
        await retention(old).archive(tmp_path / "one.archive", ago(old, 90))
    assert not (tmp_path / "one.archive").exists()
    assert await rows(old, "SELECT count(*) FROM actions") == [(9,)]


async def test_another_file_of_its_name_takes_nothing_from_the_store(
    old: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "one.archive"
    await broken_off(old, out, monkeypatch, "open_archive", 1)
    out.rename(tmp_path / "other.archive")
    ((first,), *_) = await rows(old, "SELECT id FROM actions ORDER BY id")
    held = "UPDATE actions SET held_until_ms = ? WHERE id = ?"
    await old.store.write(lambda txn: txn.write(held, 2**50, first))
    await broken_off(old, out, monkeypatch, "remove", 0)
    (tmp_path / "other.archive").replace(out)
    with pytest.raises(AilyusError, match="is another archive than the log names"):
        await retention(old).archive(out, ago(old, 90))
    assert await rows(old, "SELECT count(*) FROM actions") == [(9,)]
