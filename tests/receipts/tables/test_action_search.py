"""The search of actions: filters, words, stable pages, and a bounded look."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receipts.action.action import Action, PlanStep
from receipts.action.sentence import ActionSentence
from receipts.journal.action_row import ActionRow, insert_action
from receipts.journal.journal import Journal
from receipts.store.transaction import Txn
from receipts.tables import action_search, scan
from receipts.tables.action_search import ActionFilter, ActionPage, find_actions, steps_of
from tests.receipts.making import CALLER, request, told

pytestmark = pytest.mark.both_stores
ALL = ActionFilter(tenant="acme")


def said(text: str, *names: str, **more: Any) -> Action:
    """An action with this sentence; ids are in the order in which they are made."""
    said.number += 1  # type: ignore[attr-defined]  # a counter on a function
    fields = {key: more.pop(key) for key in list(more) if key in Action.__dataclass_fields__}
    made = Action(f"act_{said.number:06}", request(**more), CALLER, sentence=ActionSentence.of(text))  # type: ignore[attr-defined]
    return replace(made, names=frozenset(names), **fields)


said.number = 0  # type: ignore[attr-defined]


async def put(journal: Journal, *actions: Action, status: str = "confirmed") -> list[str]:
    def work(txn: Txn) -> None:
        for one in actions:
            new = "INSERT INTO tenant_keys VALUES (?, ?) ON CONFLICT DO NOTHING"
            txn.write(new, one.request.tenant, bytes(32), rows=None)
            row = ActionRow(state="ended", status=status, result=told(status), release="r")  # type: ignore[arg-type]
            insert_action(txn, one, row)

    await journal.store.write(work)
    return [one.id for one in actions]


async def page(journal: Journal, wanted: ActionFilter, **where: Any) -> ActionPage:
    return await journal.store.read_aside(lambda read: find_actions(read, wanted, **where))


async def found(journal: Journal, **filters: Any) -> list[str]:
    return [one.id for one in (await page(journal, replace(ALL, **filters))).rows]


async def test_words_and_names_find_actions_of_ones_own_tenant(journal: Journal) -> None:
    first, second, third = await put(
        journal,
        said("Remove 2 MFA factors of maria@example.com", "00u1maria", "maria@example.com"),
        said("Suspend mario@example.com", "mario@example.com"),
        said("Remove 1 MFA factor of maria@example.com", tenant="umbrella"),
    )
    assert await found(journal, words="MFA factors") == [first]
    assert await found(journal, words="maria@example.com") == [first]
    # the last word finds what begins with it, from three letters on
    assert await found(journal, words="mari") == [second, first]
    assert await found(journal, words="remove mar") == [first]
    assert await found(journal, words="mar remove") == []
    assert await found(journal, words="ma") == []
    assert await found(journal, record="00U1Maria") == [first]
    assert await found(journal, record="00u1") == []
    assert await found(journal, tenant="umbrella", words="mfa") == [third]


async def test_every_filter_alone_and_together(journal: Journal) -> None:
    plan = said("Restore maria", agent="bot", person="ann", contract="restore")
    step = said("Unlock maria", agent="bot", person="ann", contract="unlock", connection="okta")
    step = replace(step, step=PlanStep(plan.id, 0, 0, 1, "unlock"))
    other = said("Read bob", agent="cat", person="ben", contract="find", kind="read", risk="low", connection="slack")
    await put(journal, plan, step)
    await put(journal, other, status="denied")
    assert await found(journal) == [other.id, step.id, plan.id]
    assert await found(journal, top=True) == [other.id, plan.id]
    for filters, ids in (
        ({"status": "denied"}, [other.id]),
        ({"agent": "cat"}, [other.id]),
        ({"person": "ann"}, [step.id, plan.id]),
        ({"contract": "unlock"}, [step.id]),
        ({"connection": "slack"}, [other.id]),
        ({"kind": "read"}, [other.id]),
        ({"risk": "high"}, [step.id, plan.id]),
        ({"plan": plan.id}, [step.id]),
        ({"agent": "bot", "status": "denied"}, []),
        ({"agent": "bot", "contract": "unlock", "words": "maria"}, [step.id]),
        ({"approver": "lead"}, []),
    ):
        assert await found(journal, **filters) == ids, filters
    assert await journal.store.read_aside(lambda read: steps_of(read, [plan.id, other.id])) == {plan.id: 1}
    assert await journal.store.read_aside(lambda read: steps_of(read, [])) == {}
    assert not ALL.narrows
    assert not replace(ALL, top=True).narrows
    assert replace(ALL, words="x").narrows


async def test_times_bound_what_is_found(journal: Journal) -> None:
    (first,) = await put(journal, said("One"))
    at = (await page(journal, ALL)).rows[0].created_ms
    assert await found(journal, since_ms=at) == [first]
    assert await found(journal, since_ms=at + 60_000) == []
    assert await found(journal, until_ms=at) == []
    assert await found(journal, until_ms=at + 1) == [first]


async def test_pages_stay_as_they_are_while_actions_come(journal: Journal) -> None:
    made = await put(journal, *(said(f"Lock user {n}") for n in range(5)))
    newest = await page(journal, ALL, limit=2)
    assert ([one.id for one in newest.rows], newest.newer) == (made[:2:-1], None)
    await put(journal, said("Lock one more"))
    second = await page(journal, ALL, limit=2, before=newest.older)
    assert [one.id for one in second.rows] == [made[2], made[1]]
    last = await page(journal, ALL, limit=2, before=second.older)
    assert ([one.id for one in last.rows], last.older) == ([made[0]], None)
    back = await page(journal, ALL, limit=2, after=last.newer)
    assert [one.id for one in back.rows] == [made[2], made[1]]
    assert back.newer is not None
    assert back.older == made[1]


async def test_a_page_looks_at_a_bounded_number_of_actions_and_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await put(journal, said("Rare"), *(said(f"Lock user {n}") for n in range(6)))
    monkeypatch.setattr(scan, "MOST", 3)
    first = await page(journal, replace(ALL, risk="high", since_ms=1), limit=5)
    assert [one.id for one in first.rows] == made[:3:-1]
    assert first.looked_back_to == first.older == made[4]
    rest = await page(journal, replace(ALL, risk="high"), limit=5, before=first.older)
    assert [one.id for one in rest.rows] == made[3:0:-1]
    # a rare word leads, so what is far back is found at once
    assert await found(journal, words="rare", risk="high") == made[:1]


async def test_a_row_of_an_earlier_version_is_told_by_what_it_is_called(journal: Journal) -> None:
    await put(journal, replace(said(""), sentence=None))
    (one,) = (await page(journal, ALL)).rows
    assert one.sentence.text == "Reset"


async def test_the_values_of_a_column_are_found_without_all_rows(journal: Journal) -> None:
    await put(journal, *(said("x", agent=name) for name in ("cat", "bot", "cat", "ant")), said("x", tenant="umbrella"))
    names = await journal.store.read_aside(lambda read: scan.distinct(read, "actions", "agent", "acme"))
    assert names == ["ant", "bot", "cat"]


@given(st.text(max_size=80))
def test_any_text_is_a_search(text: str) -> None:
    words = action_search._asked(text)
    assert len(words) <= action_search.MAX_WORDS
    assert all(words)
