"""Halts and incidents count as the log says, and each of them moves the epoch that orders are compared with."""

import pytest

from contracts.errors import AilyusError
from receipts.journal.controls import Controls
from receipts.journal.halt import halt_statement, new_halt
from receipts.journal.journal import Journal
from receipts.statement.ledger import Ledger
from tests.receipts.making import request
from tests.receipts.stages import end, halt, rows, send


async def other(journal: Journal) -> Controls:
    """The controls as another process reads them anew."""
    ledger = Ledger(journal.store)
    await ledger.load()
    controls = Controls(journal.store, ledger)
    await controls.refresh()
    return controls


async def lift(journal: Journal) -> None:
    """The end of whatever is halted on okta."""
    made = new_halt("connection", "okta", False, "lead", "over", journal.store.now_ms())
    await journal.controls.unhalt("connection", "okta", halt_statement(journal.notary, made, "lifted"))


async def test_a_halt_stops_what_it_names_until_it_is_lifted(journal: Journal) -> None:
    epoch = journal.epoch
    await halt(journal, "connection", "okta")
    assert journal.epoch == epoch + 1
    stopping = journal.controls.halted(request())
    assert stopping is not None
    assert (stopping.name, stopping.by, stopping.reason) == ("okta", "lead", "an incident")
    assert journal.controls.halted(request(connection="slack")) is None
    await lift(journal)
    assert (journal.controls.halts, journal.epoch) == ((), epoch + 2)


async def test_the_same_is_not_halted_twice_nor_lifted_when_it_is_not_halted(journal: Journal) -> None:
    await halt(journal, "agent", "bot")
    with pytest.raises(AilyusError) as caught:
        await halt(journal, "agent", "bot")
    assert (caught.value.code, caught.value.sentence) == ("bad_settings", "`agent bot` is halted already")
    epoch = journal.epoch
    with pytest.raises(AilyusError) as caught:
        await lift(journal)
    assert (caught.value.code, caught.value.sentence) == ("not_found", "`connection okta` is not halted")
    assert journal.epoch == epoch
    assert len(await rows(journal, "id", "halts")) == 1


async def test_a_row_that_was_lifted_or_taken_away_lifts_nothing(journal: Journal) -> None:
    await halt(journal, "connection", "okta")
    await journal.store.write(lambda txn: txn.write("UPDATE halts SET lifted_ms = 1"))
    assert (await other(journal)).halted(request()) is not None
    await journal.store.write(lambda txn: txn.write("DELETE FROM halts"))
    (halted,) = (await other(journal)).halts
    assert (halted.id, halted.reason) == (f"hlt_leaf_{await _leaf(journal)}", "")
    await lift(journal)
    assert (await other(journal)).halts == ()


async def _leaf(journal: Journal) -> int:
    ((leaf,),) = await journal.store.read("SELECT leaf_index FROM statements WHERE kind = 'halt'")
    assert isinstance(leaf, int)
    return leaf


async def test_a_row_without_a_statement_stops_nothing_and_is_in_nobodys_way(journal: Journal) -> None:
    forged = ("hlt_x", "connection", "okta", 0, "lead", "forged", 1)
    await journal.store.write(lambda txn: txn.write("INSERT INTO halts VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", *forged))
    await journal.controls.refresh()
    assert journal.controls.halted(request()) is None
    await halt(journal, "connection", "okta")
    assert [h.reason for h in journal.controls.halts] == ["an incident"]


async def test_an_incident_is_open_until_it_is_resolved(journal: Journal) -> None:
    await end(journal, await send(journal), status="unknown", incident="pseudonym")
    assert journal.controls.has_incident("pseudonym")
    assert not journal.controls.has_incident("another")
    assert await journal.controls.has_open_incident("pseudonym")
    await journal.store.write(lambda txn: txn.write("UPDATE incidents SET resolved_ms = 1"))
    # whoever saw it settled in the store is not denied by what this replica read before
    assert journal.controls.has_incident("pseudonym")
    assert not await journal.controls.has_open_incident("pseudonym")
    assert not journal.controls.has_incident("pseudonym")


async def test_what_another_process_moved_is_seen_by_the_epoch(journal: Journal) -> None:
    elsewhere = await other(journal)
    assert not await elsewhere.look()
    await halt(journal, "route", "reset@okta/pages")
    assert elsewhere.halts == ()
    assert await elsewhere.look()
    assert elsewhere.epoch == journal.epoch
    assert elsewhere.is_route_halted("reset@okta/pages")
    assert not elsewhere.is_route_halted("reset@okta/http")
    assert elsewhere.live == "release-1"
