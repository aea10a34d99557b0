"""The search of receipts: filters, words, folded intents, stable pages."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.canonical import new_id
from receipts.action.action import Action
from receipts.action.sentence import ActionSentence
from receipts.journal.journal import Journal
from receipts.statement.statement import StatementSubject
from receipts.tables.receipt_search import ReceiptFilter, ReceiptPage, find_receipts
from tests.free import free
from tests.receipts.making import CALLER, conclude, intend, request

pytestmark = pytest.mark.both_stores
ALL = ReceiptFilter(tenant="acme")


async def carried(journal: Journal, text: str, *, ends: bool = True, **of: Any) -> Action:
    """An action with this sentence, that was sent and confirmed."""
    made = Action(new_id("act"), request(text, **of), CALLER, created_ms=1, sentence=ActionSentence.of(text))
    made = replace(made, names=frozenset({text.split()[-1]}))
    about = StatementSubject(made.request, made.id, "release-1", True, sentence=made.sentence)
    sealed = journal.notary.seal(
        free("intent"), new_id("rcp"), about, status="running", changed=None, at_ms=journal.store.now_ms(), evidence={}
    )
    dispatch = await intend(journal, made, sealed=sealed)
    if ends:
        await conclude(journal, made, dispatch.fence)
    return made


async def page(journal: Journal, wanted: ReceiptFilter, **where: Any) -> ReceiptPage:
    return await journal.store.read_aside(lambda read: find_receipts(read, wanted, **where))


async def found(journal: Journal, **filters: Any) -> list[tuple[str, str]]:
    rows = (await page(journal, replace(ALL, **filters))).rows
    return [(one.kind, one.sentence.text if one.sentence else "") for one in rows if one.action_id]


async def test_filters_words_and_folded_intents(journal: Journal) -> None:
    first = await carried(journal, "Unlock maria@example.com")
    await carried(
        journal, "Suspend bob@example.com", ends=False, agent="cat", contract="suspend", connection="slack", risk="low"
    )
    row = ("key", first.id, "lead", "SecurityLead", b"{}", 1)
    await journal.store.write(lambda txn: txn.write("INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?)", *row))
    both = [("intent", "Suspend bob@example.com"), ("outcome", "Unlock maria@example.com")]
    # an intent stands there as long as nothing followed it
    assert await found(journal) == both
    assert await found(journal, kind="intent") == [both[0], ("intent", "Unlock maria@example.com")]
    assert await found(journal, action=first.id) == [both[1], ("intent", "Unlock maria@example.com")]
    for filters, rows in (
        ({"words": "unlock"}, both[1:]),
        ({"words": "unlock", "agent": "cat"}, []),
        ({"record": "maria@example.com"}, both[1:]),
        ({"record": "maria"}, []),
        ({"person": "ann"}, both),
        ({"person": "ben"}, []),
        ({"agent": "cat"}, both[:1]),
        ({"contract": "suspend"}, both[:1]),
        ({"connection": "slack"}, both[:1]),
        ({"status": "confirmed"}, both[1:]),
        ({"approver": "lead"}, both[1:]),
        ({"approver": "lead", "risk": "low"}, []),
        ({"approver": "eve"}, []),
        ({"risk": "low"}, both[:1]),
        ({"action_kind": "write"}, both),
        ({"action_kind": "read"}, []),
        ({"since_ms": 1}, both),
        ({"since_ms": 2**50}, []),
        ({"until_ms": 1}, []),
        ({"tenant": "umbrella"}, []),
    ):
        assert await found(journal, **filters) == rows, filters


async def test_pages_go_back_and_forth(journal: Journal) -> None:
    for n in range(5):
        await carried(journal, f"Lock user{n}")
    wanted = replace(ALL, kind="outcome")
    newest = await page(journal, wanted, limit=2)
    second = await page(journal, wanted, limit=2, before=newest.older)
    last = await page(journal, wanted, limit=2, before=second.older)
    users = [[one.sentence.text[-1] for one in shown.rows if one.sentence] for shown in (newest, second, last)]
    assert (users, newest.newer, last.older) == ([["4", "3"], ["2", "1"], ["0"]], None, None)
    back = await page(journal, wanted, limit=2, after=last.newer)
    assert back.rows == second.rows
