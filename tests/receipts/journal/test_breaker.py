"""Three strikes in a row halt a contract, a connection or a route, once, until somebody lifts the halt."""

from pathlib import Path

from receipts.journal.breaker import BREAKER, Trip, trip_route, untrip
from receipts.journal.halt import Scope, halt_statement, new_halt
from receipts.journal.journal import Journal
from tests.receipts.making import journal_at
from tests.receipts.stages import Clock, end, rows, send


def tripping(journal: Journal, scope: Scope = "contract", name: str = "reset") -> Trip:
    halt = new_halt(scope, name, True, BREAKER, "three bad outcomes in a row", journal.store.now_ms())
    return Trip(halt, halt_statement(journal.notary, halt, "halted"))


async def outcome(journal: Journal, clock: Clock, name: str, *, strike: bool) -> None:
    """One action from its call to its end, a millisecond after the one before it."""
    clock.now_ms += 10
    await end(journal, await send(journal, name), strike=strike, trips=(tripping(journal),))


async def test_the_third_strike_in_a_row_halts_in_its_own_commit(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    for number in range(2):
        await outcome(journal, clock, f"r{number}", strike=True)
    assert journal.controls.halts == ()
    epoch = journal.epoch
    await outcome(journal, clock, "third", strike=True)
    (halted,) = journal.controls.halts
    assert (halted.scope, halted.name, halted.by, halted.allow_undo) == ("contract", "reset", BREAKER, True)
    assert journal.epoch == epoch + 1
    await journal.store.aclose()


async def test_a_good_outcome_in_between_begins_the_count_anew(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    for number, strike in enumerate((True, True, False, True, True)):
        await outcome(journal, clock, f"r{number}", strike=strike)
    assert journal.controls.halts == ()
    await journal.store.aclose()


async def test_what_is_halted_already_is_not_halted_twice_and_after_a_lift_the_count_is_new(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    for number in range(4):
        await outcome(journal, clock, f"r{number}", strike=True)
    assert len(await rows(journal, "id", "halts")) == 1
    (halted,) = journal.controls.halts
    await journal.controls.unhalt("contract", "reset", halt_statement(journal.notary, halted, "lifted", "lead"))
    for number in range(3):
        assert journal.controls.halts == (), f"after {number} strikes since the lift"
        await outcome(journal, clock, f"later{number}", strike=True)
    assert len(journal.controls.halts) == 1
    await journal.store.aclose()


async def test_a_strike_that_was_taken_back_lifts_the_breakers_halt_and_no_persons(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    for number in range(3):
        await outcome(journal, clock, f"r{number}", strike=True)
    (halted,) = journal.controls.halts
    lift = Trip(halted, halt_statement(journal.notary, halted, "lifted", BREAKER))
    await journal.store.write(lambda txn: untrip(txn, [lift]))
    await journal.controls.refresh()
    assert len(journal.controls.halts) == 1, "the streak still stands"
    await journal.store.write(lambda txn: txn.write("UPDATE actions SET strike = 0", rows=None))
    await journal.store.write(lambda txn: txn.write("UPDATE halts SET by = 'lead'"))
    await journal.store.write(lambda txn: untrip(txn, [lift]))
    assert await rows(journal, "lifted_ms", "halts") == [(None,)], "a person's halt"
    await journal.store.write(lambda txn: txn.write("UPDATE halts SET by = ?", BREAKER))
    epoch = journal.epoch
    await journal.store.write(lambda txn: untrip(txn, [lift]))
    await journal.controls.refresh()
    assert (journal.controls.halts, journal.epoch) == ((), epoch + 1)
    await journal.store.aclose()


async def test_a_route_is_closed_by_failed_attempts_alone_and_the_epoch_stays(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    closing = tripping(journal, "route", "reset@okta/pages")
    for number, failed in enumerate((True, True, False)):
        clock.now_ms += 10
        await end(journal, await send(journal, f"r{number}", via=closing.halt.name), failed=failed)
    await journal.store.write(lambda txn: trip_route(txn, closing))
    assert await rows(journal, "id", "halts") == []
    epoch = journal.epoch
    for number in range(3):
        clock.now_ms += 10
        of = await send(journal, f"f{number}", via=closing.halt.name)
        await end(journal, of, failed=True, status="not_applied", route_trip=closing)
    assert [(h.scope, h.name) for h in journal.controls.halts] == [("route", closing.halt.name)]
    assert journal.epoch == epoch
    await journal.store.aclose()
