"""Rows of agents: registered, replaced, revoked, promoted; and the digest by which a statement names one."""

from dataclasses import replace

import pytest

from receipts.journal.journal import Journal
from receipts.statement.signed_rows import registration
from receipts.store.transaction import Conflict
from receipts.tables import agents
from receipts.tables.agents import AgentRow

pytestmark = pytest.mark.both_stores
_BOT = AgentRow("bot", "acme", "ann", "bob", "Support Triage", True, False, "hash")


async def test_a_row_is_found_by_name_and_by_token(journal: Journal) -> None:
    await journal.store.write(lambda txn: agents.register(txn, _BOT))
    assert await agents.named(journal.store, "bot") == [_BOT]
    assert await agents.of_token(journal.store, "hash") == [_BOT]
    assert await agents.every(journal.store) == [_BOT]
    assert await agents.named(journal.store, "other") == await agents.of_token(journal.store, "other") == []


async def test_the_same_name_again_replaces_the_row(journal: Journal) -> None:
    await journal.store.write(lambda txn: agents.register(txn, _BOT))
    await journal.store.write(lambda txn: agents.revoke(txn, "bot"))
    assert await agents.named(journal.store, "bot") == [replace(_BOT, revoked=True)]
    again = replace(_BOT, roles="Support", owner="eve", token_hash="other")
    await journal.store.write(lambda txn: agents.register(txn, again))
    assert await agents.every(journal.store) == [again]


async def test_a_token_is_rotated_by_whoever_knows_which_one_it_is(journal: Journal) -> None:
    await journal.store.write(lambda txn: agents.register(txn, _BOT))
    await journal.store.write(lambda txn: agents.rotate(txn, "bot", "hash", "new"))
    assert await agents.every(journal.store) == [replace(_BOT, token_hash="new")]
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: agents.rotate(txn, "bot", "hash", "third"))
    await journal.store.write(lambda txn: agents.revoke(txn, "bot"))
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: agents.rotate(txn, "bot", "new", "third"))


async def test_an_observing_agent_is_promoted(journal: Journal) -> None:
    await journal.store.write(lambda txn: agents.register(txn, _BOT))
    await journal.store.write(lambda txn: agents.promote(txn, "bot"))
    assert await agents.named(journal.store, "bot") == [replace(_BOT, observe_only=False)]


def test_the_digest_names_the_whole_row() -> None:
    assert _BOT.registration(observe_only=False) == registration(
        "bot", "acme", "ann", "bob", "Support Triage", False, "hash"
    )
    assert _BOT.registration(observe_only=True) != _BOT.registration(observe_only=False)
