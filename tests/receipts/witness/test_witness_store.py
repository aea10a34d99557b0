"""The store of a witness: the newest checkpoint is replaced by comparison, refusals are bounded, the file is its own."""

import sqlite3
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.witness import witness_store
from receipts.witness.witness_store import Refusal, SeenLog, WitnessStore
from tests.receipts.witness.log import ORIGIN, SmallLog


def test_what_was_seen_is_replaced_only_by_whoever_saw_it_last(tmp_path: Path) -> None:
    store, log = WitnessStore(tmp_path / "w.db"), SmallLog().grow(2)
    empty, first = store.head(ORIGIN), Checkpoint.of_note(log.note())
    assert store.replace(empty, log.note(), 5)
    assert not store.replace(empty, log.grow(1).note(), 6)
    assert store.head(ORIGIN) == first
    assert store.replace(first, log.note(), 6)
    assert store.logs() == [SeenLog(ORIGIN, 3, Checkpoint.of_note(log.note()).root.hex(), 6, 0)]
    store.close()


def test_refusals_are_kept_once_and_no_more_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_store, "MAX_REFUSALS", 2)
    store = WitnessStore(tmp_path / "w.db")
    for number in (1, 1, 2, 3):
        store.refuse(Refusal(ORIGIN, number, "a fork", f"note {number}"))
    assert [one.note for one in store.refusals()] == ["note 1", "note 2"]
    assert [(one.origin, one.size, one.refused) for one in store.logs()] == [(ORIGIN, 0, 2)]
    store.close()


def test_a_log_begins_anew_only_by_a_word_that_keeps_what_was_cosigned(tmp_path: Path) -> None:
    store, log = WitnessStore(tmp_path / "w.db"), SmallLog().grow(4)
    assert store.forget(ORIGIN, "restored", 7) is None
    assert store.replace(store.head(ORIGIN), log.note(), 5)
    store.refuse(Refusal(ORIGIN, 6, "a fork", log.note()))
    assert store.forget(ORIGIN, "restored from a backup", 7) == Checkpoint.of_note(log.note())
    assert store.head(ORIGIN).size == 0
    assert store.refusals() == [Refusal(ORIGIN, 7, "forgotten: restored from a backup", log.note())]
    store.close()


def test_a_file_that_is_no_store_or_one_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but a text that is long enough to be looked at" * 20)
    with pytest.raises(AilyusError, match="is no store of a witness"):
        WitnessStore(tmp_path / "text")
    with sqlite3.connect(tmp_path / "later") as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(AilyusError, match="has version 7"):
        WitnessStore(tmp_path / "later")
