"""What is committed beside an outcome: incidents, people to tell, later looks, and what becomes of handles."""

from pathlib import Path

import pytest

from contracts.action.http_request import HttpRequest
from receipts.action.status import Status
from receipts.journal.journal import Journal
from receipts.journal.outcome import LATER_LOOK, Escalation, acknowledge
from receipts.store.transaction import Txn
from tests.receipts.making import HTTP, action, intend, journal_at
from tests.receipts.stages import Clock, end, rows, send, stored


async def test_all_of_it_is_in_the_commit_of_the_outcome(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = await send(journal)
    commits = journal.store.commits
    await end(
        journal, of, status="unknown", incident="pseudonym", escalation=Escalation("esc_1", "on-call"), rechecks=(5, 9)
    )
    assert journal.store.commits == commits + 1
    now = clock.now_ms
    assert await rows(journal, "action_id, resource, at_ms, resolved_ms", "incidents") == [
        (of.id, "pseudonym", now, None)
    ]
    assert await rows(journal, "id, action_id, route, created_ms, next_ms, tried", "escalations") == [
        ("esc_1", of.id, "on-call", now, now, 0)
    ]
    due = await journal.store.read("SELECT action_id, due_ms, done_ms FROM rechecks ORDER BY due_ms")
    assert due == [(of.id, 5, None), (of.id, 9, None)]
    await journal.store.aclose()


async def test_an_outcome_with_nothing_beside_it_writes_no_more(journal: Journal) -> None:
    await end(journal, await send(journal))
    for table in ("incidents", "escalations", "halts"):
        assert await rows(journal, "1", table) == []
    assert await journal.store.read("SELECT 1 FROM rechecks") == []


@pytest.mark.parametrize(
    ("status", "opens_again", "is_there"),
    [("not_applied", True, True), ("confirmed", False, False), ("diverged", False, False), ("unknown", False, True)],
)
async def test_a_handle_is_given_back_kept_or_dropped(
    journal: Journal, status: Status, opens_again: bool, is_there: bool
) -> None:
    """Given back where nothing changed, dropped where every destination has its value, kept while it is not known."""
    maker = await send(journal, "maker")
    ids, minted = journal.handles.seal(
        maker.request, None, maker.id, {"secret": ("hunter2", ["use.value"])}, journal.store.now_ms()
    )
    await end(journal, maker, minted=minted)
    carrying = HttpRequest(HTTP.method, HTTP.url, (), b"", ((ids["secret"], "use.value"),))
    user = action("user")
    await intend(journal, user, rendered=carrying)
    assert await journal.handles.open(ids["secret"], "use.value", user.id) == "hunter2"
    await end(journal, await stored(journal, user), status=status, used_handles=True)
    assert (await journal.store.read("SELECT 1 FROM handle_uses") == []) is opens_again
    assert (await journal.store.read("SELECT 1 FROM handles WHERE sealed IS NOT NULL") != []) is is_there


async def test_who_took_an_escalation_on_first_stays_named(journal: Journal) -> None:
    of = await send(journal)
    await end(journal, of, status="unknown", escalation=Escalation("esc_1", "on-call"))

    def twice(txn: Txn) -> None:
        acknowledge(txn, of.id, "lead")
        acknowledge(txn, of.id, LATER_LOOK)
        acknowledge(txn, "act_other", "eve")

    await journal.store.write(twice)
    assert await rows(journal, "acknowledged_by", "escalations") == [("lead",)]
