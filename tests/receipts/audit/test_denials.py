"""What was denied, by agent and contract of each tenant, with its newest receipts and the reasons kept for people."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.canonical import new_id
from receipts.audit.denials import Denials, denied, reason_of
from receipts.journal.journal import Journal
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.statement import StatementSubject
from receipts.store.transaction import Txn
from tests.receipts.making import action, journal_at, request


@pytest.fixture
async def journal(tmp_path: Path) -> Any:
    made = await journal_at(tmp_path / "s.db")
    yield made
    await made.store.aclose()


async def deny(journal: Journal, times: int, at_ms: int = 1, why: bytes = b"", **asked: Any) -> None:
    def work(txn: Txn) -> None:
        for _ in range(times):
            of = replace(action(), request=request("r", **asked))
            about = StatementSubject(of.request, of.id, "release-1", True)
            evidence = {"why": why} if why else {}
            journal.notary.seal(
                DecisionFacts(called_ms=1), new_id("rcp"), about, status="denied", changed=None, at_ms=at_ms,
                evidence=evidence,
            ).insert(txn)  # fmt: skip

    await journal.store.write(work)


async def ask(journal: Journal, since_ms: int = 0, tenant: str | None = None) -> list[Denials]:
    return await journal.store.read_aside(lambda read: denied(read, since_ms, tenant))


async def test_they_are_grouped_by_agent_and_contract_most_first(journal: Journal) -> None:
    await deny(journal, 1, 5)
    await deny(journal, 2, 7, contract="unlock")
    await deny(journal, 3, 9, agent="other", contract="unlock")
    groups = await ask(journal)
    assert [(g.agent, g.contract, g.count, g.first_ms, g.last_ms) for g in groups] == [
        ("other", "unlock", 3, 9, 9), ("bot", "unlock", 2, 7, 7), ("bot", "reset", 1, 5, 5),
    ]  # fmt: skip
    assert [g.count for g in await ask(journal, since_ms=7)] == [3, 2]
    assert await ask(journal, tenant="umbrella") == []


async def test_ten_look_like_probing(journal: Journal) -> None:
    await deny(journal, 9)
    assert [g.looks_like_probing for g in await ask(journal)] == [False]
    await deny(journal, 1)
    assert [g.looks_like_probing for g in await ask(journal)] == [True]


async def test_the_newest_fifty_receipts_are_named(journal: Journal) -> None:
    await deny(journal, 60)
    (group,) = await ask(journal)
    rows = await journal.store.read("SELECT id FROM statements ORDER BY leaf_index DESC LIMIT 50")
    assert (group.count, group.receipts) == (60, tuple(str(r[0]) for r in rows))


async def test_why_is_told_where_it_was_kept(journal: Journal) -> None:
    await deny(journal, 1, why=b"no policy permits it")
    await deny(journal, 1)
    (group,) = await ask(journal)
    second, first = group.receipts
    assert group.reasons == {first: "no policy permits it"}
    assert await journal.store.read_aside(lambda read: reason_of(read, second)) == ""
    assert await journal.store.read_aside(lambda read: reason_of(read, "rcp_none")) == ""
