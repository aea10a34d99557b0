"""Erasure on either store: 0 bytes of the subject are left, wherever the store was copied to, and old proofs hold."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.archive.archive_file import open_archive
from receipts.audit.audit import audit
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots
from receipts.audit.subject import actions_that_hold, has_key, indexed_actions, is_kept, is_person
from receipts.audit.verify import verify
from receipts.journal.erasure import SUMMARY, erase
from receipts.journal.journal import Journal
from receipts.store.backup import back_up_file
from receipts.store.key_file import key_file_of
from receipts.store.postgres_backup import back_up_database
from receipts.store.row import Read
from tests.receipts.closed import DAY_MS, ago, audited, close, journal_of, retention
from tests.receipts.making import SIGNER
from tests.receipts.stages import Clock, send, stored
from tests.receipts.subject import ID, MAIL, NAME, done_about

pytestmark = pytest.mark.both_stores
PLACES = (MAIL, ID, NAME)
ROOTS = Roots(origin="ailyus.test", keys={SIGNER.keyid: SIGNER.public.hex()})


def holding(paths: list[Path], needles: tuple[str, ...] = PLACES) -> list[tuple[str, str]]:
    """Which files hold which value, in UTF-8, in UTF-16 or as JSON writes it."""
    found = []
    for path in paths:
        try:
            data = path.read_bytes().lower()
        except FileNotFoundError:  # the database's server works on: what it deleted is no file any more
            continue
        for one in needles:
            forms = (one.encode(), one.encode("utf-16-le"), one.encode("utf-16-be"), ascii(one)[1:-1].encode())
            found += [(path.name, one) for form in forms if form.lower() in data]
    return found


async def files_of(journal: Journal, folder: Path) -> list[Path]:
    """Every file in which the store lies: its own, or those of the database's server, its write-ahead log among them."""
    if not journal.store.shared:
        return [path for path in folder.rglob("*") if path.is_file()]
    ((data,),) = await journal.store.read("SELECT current_setting('data_directory')")
    return [path for path in Path(str(data)).rglob("*") if path.is_file()] + [
        p for p in folder.rglob("*") if p.is_file()
    ]


async def test_nothing_of_the_subject_is_left_and_every_old_proof_holds(
    journal: Journal, database: str, tmp_path: Path
) -> None:
    of, receipt = await done_about(journal, MAIL, NAME)
    other, _ = await done_about(journal, "leo@erasure.example", "Leo", "00u2")
    await send(journal, "open")
    look = journal.store.read_aside
    proof = (await look(lambda read: write_proof(read, receipt, None, True))).encoded()
    assert {label for _, label in verify(proof, ROOTS).disclosed} >= {"params", "says", "before/user", "response"}
    backup = tmp_path / "b.db"
    run, source = (back_up_database, database) if database else (back_up_file, journal.store.path)
    await asyncio.to_thread(run, source, backup, 1)  # type: ignore[operator]
    # at rest nobody reads it, even before: not in the tables, not in the write-ahead log, not in a copy
    assert holding(await files_of(journal, tmp_path)) == []
    assert await look(lambda read: indexed_actions(read, "acme", MAIL)) == {of.id}
    for value in (MAIL, NAME):
        assert await look(lambda read, v=value: actions_that_hold(read, "acme", v)) == {of.id}  # type: ignore[misc]
    before = await look(lambda read: list(audit(read, ROOTS)))
    record = await erase(journal, "acme", (of.id,), "lead", "asked to be forgotten")
    assert record.actions == 1
    assert holding(await files_of(journal, tmp_path)) == []
    for value in (MAIL, NAME):
        assert await look(lambda read, v=value: actions_that_hold(read, "acme", v)) == set()  # type: ignore[misc]
    assert not await look(lambda read: has_key(read, of.id) or is_kept(read, of.id))
    found = await stored(journal, of)
    assert (found.request.params, found.request.reason, found.result and found.result.summary) == ({}, None, SUMMARY)
    assert (await stored(journal, other)).request.params["user"] == "leo@erasure.example"
    # the log is whole, the old proof holds, and a new one says what is gone
    assert await look(lambda read: list(audit(read, ROOTS))) == before
    assert verify(proof, ROOTS).receipt["receipt"] == receipt
    fresh = verify((await look(lambda read: write_proof(read, receipt, None, True))).encoded(), ROOTS)
    assert fresh.disclosed == {}
    assert any(said.startswith("erased: ") for said in fresh.not_shown)
    assert key_file_of(backup).is_file()


async def test_what_was_erased_without_a_statement_is_a_finding(journal: Journal) -> None:
    of, _ = await done_about(journal, MAIL, NAME)
    await journal.store.write(lambda txn: txn.write("DELETE FROM data_keys WHERE action_id = ?", of.id))
    journal.data_keys.forget([of.id])
    found = await journal.store.read_aside(lambda read: list(audit(read, ROOTS)))
    assert any("no statement says that it was erased" in one for one in found)
    assert f"the request of the action `{of.id}` is not what its statement says" in found


async def test_what_went_into_an_archive_is_noise_there_and_the_log_is_whole(database: str, tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_of(tmp_path / "store.db", clock, database)
    of, _ = await done_about(journal, MAIL, NAME)
    await close(journal, *"abcdefgh")  # the breaker counts the last ones
    clock.now_ms += 100 * DAY_MS
    await retention(journal).archive(tmp_path / "one.archive", ago(journal, 90))
    with open_archive(tmp_path / "one.archive", "ailyus.test", {SIGNER.keyid: SIGNER.public}) as file:
        look = journal.store.read_aside

        def held(read: Read) -> set[str]:
            return actions_that_hold(file.opened(journal.data_keys, read).read, "acme", MAIL)

        assert await look(held) == {of.id}
        await erase(journal, "acme", (of.id,), "lead", "asked to be forgotten")
        assert await look(held) == set()
        assert list(file.faults()) == []
        assert await audited(journal, file) == []
    assert holding([tmp_path / "one.archive"]) == []
    await journal.store.aclose()


async def test_what_is_open_is_refused(journal: Journal) -> None:
    of = await send(journal, "open")
    with pytest.raises(AilyusError, match="is not closed"):
        await erase(journal, "acme", (of.id,), "lead", "asked to be forgotten")
    assert (await stored(journal, of)).request.params == {"id": "open"}


async def test_people_who_ask_are_told_from_whom_it_is_about(journal: Journal) -> None:
    await done_about(journal, MAIL, NAME)
    assert await journal.store.read_aside(lambda read: is_person(read, "acme", "ann"))
    assert not await journal.store.read_aside(lambda read: is_person(read, "acme", MAIL))
