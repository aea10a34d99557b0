"""A halt stops exactly what its place names, and is what its signed statement says."""

from dataclasses import replace

import orjson
import pytest
from pydantic import ValidationError

from receipts.journal.halt import Halt, Scope, halt_statement, insert_halt, live_halt, new_halt
from receipts.journal.journal import Journal
from receipts.statement.words import LedgerEntry
from receipts.store.row import Row
from tests.receipts.making import request
from tests.receipts.stages import rows

SAID = LedgerEntry(leaf=4, event="halted", tenant="", at_ms=9, facts={"allowUndo": True, "by": "lead"})
ROW: Row = ("hlt_1", "connection", "okta", 1, "lead", "an incident", 9)


@pytest.mark.parametrize(
    ("scope", "name", "stops"),
    [
        ("all", "*", True),
        ("connection", "okta", True),
        ("connection", "reset", False),
        ("contract", "reset", True),
        ("contract", "okta", False),
        ("agent", "bot", True),
        ("agent", "ann", False),
        ("route", "reset", False),  # the next route is taken instead
    ],
)
def test_a_halt_covers_what_its_place_names(scope: Scope, name: str, stops: bool) -> None:
    assert new_halt(scope, name, False, "lead", "", 1).covers(request(), undo=False) is stops


def test_an_undo_goes_on_only_where_the_halt_allows_it() -> None:
    halt = new_halt("all", "*", False, "lead", "", 1)
    assert halt.covers(request(), undo=True)
    assert not replace(halt, allow_undo=True).covers(request(), undo=True)
    assert replace(halt, allow_undo=True).covers(request(), undo=False)


def test_a_row_adds_its_id_and_reason_where_it_agrees_with_the_statement() -> None:
    live = live_halt(("connection", "okta"), SAID, ROW)
    assert live == Halt("hlt_1", "connection", "okta", True, "lead", "an incident", 9)


@pytest.mark.parametrize("row", [None, (*ROW[:3], 0, *ROW[4:]), (*ROW[:4], "eve", *ROW[5:]), (*ROW[:6], 10)])
def test_a_row_that_says_otherwise_is_not_believed_in_its_reason(row: Row | None) -> None:
    live = live_halt(("connection", "okta"), SAID, row)
    assert live == Halt("hlt_leaf_4", "connection", "okta", True, "lead", "", 9)


def test_a_place_that_no_version_knows_is_not_passed_over() -> None:
    with pytest.raises(ValidationError):
        live_halt(("galaxy", "okta"), SAID, None)


async def test_the_statement_says_the_place_and_who_and_keeps_the_reason_as_evidence(journal: Journal) -> None:
    halt = new_halt("contract", "reset", False, "lead", "Ann Miller is locked out", 5)
    sealed = halt_statement(journal.notary, halt, "lifted", by="director")
    predicate = orjson.loads(sealed.envelope.payload)["predicate"]
    said = {"event": "lifted", "scope": "contract", "name": "reset", "allowUndo": False, "by": "director"}
    assert (predicate["about"], predicate["atMs"]) == (said, 5)
    assert b"Ann Miller" not in sealed.envelope.payload
    assert [(label, data) for label, _, data in sealed.evidence] == [("reason", b"Ann Miller is locked out")]
    await journal.store.write(lambda txn: insert_halt(txn, halt))
    row = (halt.id, "contract", "reset", 0, "lead", "Ann Miller is locked out", 5, None)
    assert await rows(journal, "*", "halts") == [row]
