"""A search over the columns of statements: every condition holds of what it finds, newest first."""

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from receipts.audit import query as query_module
from receipts.audit.query import Found, Query, find, predicate_of
from tests.receipts.audit.proofs import Approved, approved
from tests.receipts.stages import end, send


@pytest.fixture
async def one(tmp_path: Path) -> Any:
    made = await approved(tmp_path / "s.db")
    await end(made.journal, await send(made.journal, "r2"), status="unknown")
    yield made
    await made.journal.store.aclose()


async def found(one: Approved, **query: Any) -> list[Found]:
    return await one.journal.store.read_aside(lambda read: find(read, Query(**query)))


async def test_what_is_found_is_all_newest_first_and_no_more_than_asked_for(one: Approved) -> None:
    everything = await found(one)
    assert [f.leaf_index for f in everything] == list(range(one.journal.store.size - 1, -1, -1))
    assert await found(one, limit=2) == everything[:2]
    assert await found(one, since_ms=2**52) == []


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ({"agent": "bot", "kind": "outcome"}, ["unknown", "confirmed"]),
        ({"status": "approved"}, ["approved"]),
        ({"statuses": ("unknown", "approved")}, ["unknown", "approved"]),
        ({"tenant": "acme", "contract": "reset", "kind": "decision"}, ["approved", "approval_required"]),
        ({"tenant": "umbrella"}, []),
        ({"agent": "' OR 1=1 --"}, []),
        ({"ends_only": True}, ["unknown", "confirmed", "approval_required"]),
        ({"changed": True}, []),
    ],
)
async def test_every_condition_holds(one: Approved, query: dict[str, Any], statuses: list[str]) -> None:
    assert [f.status for f in await found(one, **query)] == statuses


async def test_a_person_and_a_record_are_found_by_their_pseudonyms_once(one: Approved) -> None:
    pseudonym = one.journal.notary.pseudonym
    ann, record = pseudonym("acme", "person", "ann"), pseudonym("acme", "resource", "00u1")
    assert len(await found(one, person=ann)) == 6
    assert await found(one, person=pseudonym("acme", "person", "eve")) == []
    both = await found(one, matches=(record, pseudonym("acme", "label", "ann@acme.test")))
    assert [f.status for f in both] == ["running", "approved", "approval_required"]
    assert await found(one, action=one.action.id, receipt=both[0].receipt_id) == both[:1]


async def test_the_signed_predicate_of_a_receipt(one: Approved) -> None:
    receipt = await one.receipt("approved")

    def ask(read: Any) -> Any:
        with pytest.raises(AilyusError, match="there is no receipt `rcp_none`"):
            predicate_of(read, "rcp_none")
        return predicate_of(read, receipt)

    predicate = await one.journal.store.read_aside(ask)
    assert (predicate["receipt"], predicate["approval"]) == (receipt, one.approval.id)


async def test_of_few_and_of_many_statements_since_a_time_the_same_are_found(
    one: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_few = [await found(one, tenant=tenant, since_ms=1, limit=3) for tenant in ("acme", None)]
    monkeypatch.setattr(query_module, "_FEW", 1)
    assert [await found(one, tenant=tenant, since_ms=1, limit=3) for tenant in ("acme", None)] == of_few
    assert all(len(statements) == 3 for statements in of_few)
