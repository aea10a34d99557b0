"""A record or a person is found by a value, although receipts hold pseudonyms, in its own tenant."""

from pathlib import Path
from typing import Any

import pytest

from contracts.canonical import new_id
from receipts.audit.query import Found
from receipts.audit.record_search import done_to, search_values
from receipts.journal.journal import Journal
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.statement import StatementSubject
from tests.receipts.making import action, journal_at, told

RECORD, EMAIL = "00u1", "ann@acme.test"


@pytest.fixture
async def journal(tmp_path: Path) -> Any:
    made = await journal_at(tmp_path / "s.db")
    yield made
    await made.store.aclose()


async def deny(journal: Journal, name: str, *, seen: bool = True, **indexed: str) -> str:
    """A denied action; `seen`: its record was looked at, so that the statement names it."""
    of = action(name)
    named = ("OktaUser", RECORD, EMAIL) if seen else ("", "", None)
    about = StatementSubject(of.request, of.id, "release-1", True, *named, indexed)
    sealed = journal.notary.seal(
        DecisionFacts(called_ms=1), new_id("rcp"), about, status="denied", changed=None, at_ms=1, evidence={}
    )
    await journal.end_unsent(of, sealed, "denied", told("denied"), 0)
    return of.id


async def ask(journal: Journal, value: str, **how: Any) -> list[str | None]:
    found: list[Found] = await journal.store.read_aside(lambda read: done_to(read, value, **how))
    return [f.action_id for f in found]


async def test_a_record_is_found_by_its_id_and_its_label(journal: Journal) -> None:
    of = await deny(journal, "other")
    assert await ask(journal, RECORD) == await ask(journal, EMAIL) == [of]
    assert await ask(journal, "somebody@acme.test") == []
    assert await ask(journal, RECORD, tenant="umbrella") == []


async def test_what_was_said_before_the_record_was_looked_at_is_found_by_its_e_mail_too(journal: Journal) -> None:
    early = await deny(journal, RECORD, seen=False, id=RECORD)
    looked = await deny(journal, f"{RECORD} again")
    assert await ask(journal, RECORD) == [looked, early]
    assert await ask(journal, EMAIL) == [looked], "nothing ties the input to the record yet"
    tied = await deny(journal, RECORD)
    assert await ask(journal, EMAIL) == [tied, looked, early]
    assert await ask(journal, EMAIL, limit=1) == [tied]


async def test_a_person_is_found_by_name(journal: Journal) -> None:
    of = await deny(journal, "other")
    assert await ask(journal, "ann") == [of]


async def test_a_value_has_a_pseudonym_for_each_kind_and_tenant(journal: Journal) -> None:
    await deny(journal, "other")
    values = await journal.store.read_aside(lambda read: search_values(read, EMAIL))
    kinds = ("resource", "label", "person", "input.id")
    assert values == [journal.notary.pseudonym("acme", kind, EMAIL) for kind in kinds]
