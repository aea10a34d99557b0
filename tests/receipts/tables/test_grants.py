"""Grants: one replica at a time refreshes one, a good answer is kept whoever has it, and a person's put wins over all."""

import pytest

from receipts.journal.journal import Journal
from receipts.store.transaction import Conflict
from receipts.tables import grants
from receipts.tables.grants import NewGrant, SealedTokens, StoredGrant

pytestmark = pytest.mark.both_stores
LEASE_MS = 60_000


def tokens(name: str, due_ms: int | None = 1) -> SealedTokens:
    return SealedTokens(f"access-{name}".encode(), f"refresh-{name}".encode(), 2**50, due_ms)


def grant(name: str = "oauth2:crm/both/0", person: str = "", **more: SealedTokens) -> NewGrant:
    kept = more.get("tokens", tokens("1"))
    return NewGrant(name, "crm", "both", "acme", person, "bot@acme", ("a", "b"), "olga", kept)


async def put(journal: Journal, new: NewGrant | None = None) -> StoredGrant:
    new = new or grant()
    await journal.store.write(lambda txn: grants.put(txn, new))
    return await found(journal, new.id)


async def found(journal: Journal, name: str = "oauth2:crm/both/0") -> StoredGrant:
    row = await grants.find(journal.store, name)
    assert row is not None
    return row


async def claim(journal: Journal, row: StoredGrant, lease_ms: int = LEASE_MS) -> None:
    await journal.store.write(lambda txn: grants.claim(txn, row, lease_ms))


async def replace(journal: Journal, row: StoredGrant, name: str) -> None:
    await journal.store.write(lambda txn: grants.replace_tokens(txn, row, tokens(name, 2**49), row.scopes))


async def test_what_a_sign_in_gave_is_found_and_listed(journal: Journal) -> None:
    row = await put(journal)
    assert (row.connection, row.side, row.tenant, row.account) == ("crm", "both", "acme", "bot@acme")
    assert (row.scopes, row.state, row.connected_by, row.tokens) == (("a", "b"), "ready", "olga", tokens("1"))
    assert row.connected_ms == row.refreshed_ms > 0
    await put(journal, grant("oauth2:crm/both/0/ann", "ann"))
    assert [one.person for one in await grants.all_of(journal.store, "crm")] == ["", "ann"]
    assert await grants.all_of(journal.store, "other") == []
    assert len(await grants.all_of(journal.store)) == 2


async def test_one_refreshes_at_a_time_and_another_goes_on_when_its_lease_ended(journal: Journal) -> None:
    row = await put(journal)
    assert await grants.due(journal.store) == [row]
    await claim(journal, row, lease_ms=0)
    taken = await found(journal)
    assert (taken.state, taken.fence) == ("refreshing", row.fence + 1)
    with pytest.raises(Conflict):  # by who read it before
        await claim(journal, row)
    assert await grants.due(journal.store) == [taken]
    await claim(journal, taken)
    assert await grants.due(journal.store) == []
    under_way = await found(journal)
    with pytest.raises(Conflict):
        await claim(journal, under_way)
    # the former owner can neither renew nor call anything lost
    for work in (
        lambda txn: grants.renew(txn, row, LEASE_MS),
        lambda txn: grants.need_person(txn, row, "gone"),
        lambda txn: grants.put_off(txn, row, 5, "later"),
    ):
        with pytest.raises(Conflict):
            await journal.store.write(work)
    await journal.store.write(lambda txn: grants.renew(txn, taken, 2 * LEASE_MS))
    assert (await found(journal)).lease_until_ms > under_way.lease_until_ms


async def test_a_good_answer_is_kept_although_its_lease_ended_and_the_first_one_wins(journal: Journal) -> None:
    row = await put(journal)
    await claim(journal, row, lease_ms=0)
    taken = await found(journal)
    await claim(journal, taken)
    await replace(journal, row, "2")  # by who was taken over
    kept = await found(journal)
    assert (kept.state, kept.tokens.refresh, kept.version) == ("ready", b"refresh-2", row.version + 1)
    with pytest.raises(Conflict):
        await replace(journal, taken, "3")
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: grants.need_person(txn, taken, "gone"))
    assert await found(journal) == kept


async def test_a_grant_whose_refresh_gave_nothing_is_due_after_a_pause(journal: Journal) -> None:
    row = await put(journal)
    await claim(journal, row)
    await journal.store.write(lambda txn: grants.put_off(txn, row, LEASE_MS, "unreachable"))
    put_off = await found(journal)
    assert (put_off.state, put_off.tried, put_off.reason, put_off.version) == ("ready", 1, "unreachable", row.version)
    assert await grants.due(journal.store) == []
    await claim(journal, put_off)
    await replace(journal, put_off, "2")
    assert ((await found(journal)).tried, (await found(journal)).reason) == (0, "")


async def test_one_that_needs_a_person_is_refreshed_no_more_until_a_person_signs_in(journal: Journal) -> None:
    row = await put(journal)
    await claim(journal, row)
    await journal.store.write(lambda txn: grants.need_person(txn, row, "gone"))
    lost = await found(journal)
    assert (lost.state, lost.reason, lost.tokens.next_ms) == ("needs_person", "gone", None)
    assert await grants.due(journal.store) == []
    with pytest.raises(Conflict):
        await claim(journal, lost)
    again = await put(journal, grant(tokens=tokens("9")))
    assert (again.state, again.reason, again.tokens.refresh) == ("ready", "", b"refresh-9")
    with pytest.raises(Conflict):  # the answer that was on its way is for the former tokens
        await replace(journal, row, "2")


async def test_a_sign_in_takes_the_place_of_a_refresh_that_is_under_way(journal: Journal) -> None:
    row = await put(journal)
    await claim(journal, row)
    await put(journal, grant(tokens=tokens("9")))
    with pytest.raises(Conflict):
        await replace(journal, row, "2")
    assert (await found(journal)).tokens.refresh == b"refresh-9"


async def test_what_is_disconnected_is_gone_for_whoever_refreshes_it(journal: Journal) -> None:
    row = await put(journal)
    await put(journal, grant("oauth2:crm/both/0/ann", "ann"))
    await claim(journal, row)
    assert await journal.store.write(lambda txn: grants.forget(txn, "crm", "ann")) == 1
    assert await journal.store.write(lambda txn: grants.forget(txn, "crm")) == 1
    with pytest.raises(Conflict):
        await replace(journal, row, "2")
    await journal.store.write(lambda txn: grants.use(txn, row.id, 7))
    assert await grants.all_of(journal.store) == []


async def test_the_last_use_only_moves_on(journal: Journal) -> None:
    row = await put(journal)
    for at in (7, 5):
        await journal.store.write(lambda txn, at=at: grants.use(txn, row.id, at))
    assert (await found(journal)).used_ms == 7
