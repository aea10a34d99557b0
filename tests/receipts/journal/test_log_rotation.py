"""The log's key is rotated in one commit: the former key signs it, and only the new one adds to the log after it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.canonical import new_id
from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.journal.log_rotation import rotate_log_key
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope, Signer
from receipts.statement.gateway_facts import HaltFacts
from receipts.statement.statement import SignedStatement
from receipts.store.postgres import PostgresStore
from receipts.store.row import blob, integer
from receipts.store.sqlite import SqliteStore
from receipts.store.store import Store
from receipts.store.transaction import Txn
from tests.receipts.rotations import ORIGIN

pytestmark = pytest.mark.both_stores
Open = Callable[[Ed25519PrivateKey], Store]


@pytest.fixture
def opened(tmp_path: Path, database: str) -> Open:
    def at(key: Ed25519PrivateKey) -> Store:
        if database:
            return PostgresStore(database, tmp_path / f"{Signer(key).keyid}.db", Signer(key), ORIGIN)
        return SqliteStore(tmp_path / "store.db", Signer(key), ORIGIN)

    return at


@pytest.fixture
def first() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
async def journal(opened: Open, first: Ed25519PrivateKey, tmp_path: Path) -> AsyncIterator[Journal]:
    made = await begun(opened(first), tmp_path)
    yield made
    await made.store.aclose()


async def begun(store: Store, folder: Path) -> Journal:
    """A journal whose log has one statement."""
    made = Journal(store, store.signer, folder / "secrets")
    await made.load()
    await store.write(lambda txn: said(made, txn.now_ms).insert(txn))
    return made


def said(journal: Journal, at_ms: int) -> SignedStatement:
    facts = HaltFacts(event="lifted", scope="all", name="", allow_undo=False, by="ann")
    return journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", {"h": "0" * 64}, at_ms)


async def signed_by(store: Store) -> list[str]:
    rows = await store.read("SELECT envelope FROM statements ORDER BY leaf_index")
    return [Envelope.decode(blob(row[0])).keyid for row in rows]


async def test_the_former_key_signs_it_and_the_new_one_everything_after_it(
    journal: Journal, first: Ed25519PrivateKey
) -> None:
    old, new = Signer(first), Ed25519PrivateKey.generate()
    done = await rotate_log_key(journal, new, "ann", "yearly")
    await journal.store.write(lambda txn: said(journal, txn.now_ms).insert(txn))
    assert (done.former, done.keyid) == (old.keyid, Signer(new).keyid)
    assert await signed_by(journal.store) == [old.keyid, old.keyid, done.keyid]
    assert [(key.first, key.end) for key in journal.store.keys.keys] == [(0, 2), (2, None)]
    # whoever trusts the first key alone follows; so does who trusts both, each in its part
    for trusted in (LogKeys.of(old), journal.store.keys):
        roots = Roots.of(ORIGIN, trusted)
        assert await journal.store.read_aside(lambda read, by=roots: list(audit(read, by))) == []
    alone = Roots.of(ORIGIN, LogKeys.of(Signer(new)))
    assert await journal.store.read_aside(lambda read: list(audit(read, alone))) != []


async def test_what_was_signed_before_and_is_committed_after_it_is_signed_again(
    journal: Journal, first: Ed25519PrivateKey
) -> None:
    old, new = Signer(first), Ed25519PrivateKey.generate()
    waiting, beside = said(journal, 5), said(journal, 6)
    # in one group with the rotation, and in a later one
    await asyncio.gather(rotate_log_key(journal, new, "ann", "yearly"), journal.store.write(beside.insert))
    await journal.store.write(waiting.insert)
    assert waiting.envelope.keyid == old.keyid
    signed = await signed_by(journal.store)
    assert signed[-1] == Signer(new).keyid
    roots = Roots.of(ORIGIN, LogKeys.of(old))
    assert await journal.store.read_aside(lambda read: list(audit(read, roots))) == []


async def test_a_group_that_fails_rotates_nothing(journal: Journal, first: Ed25519PrivateKey) -> None:
    def refused(txn: Txn) -> None:
        raise AilyusError("bad_settings", "no")

    # the entry beside it fails, so that the group is done again, each entry by itself
    new = Ed25519PrivateKey.generate()
    rotation = asyncio.create_task(rotate_log_key(journal, new, "ann", "yearly"))
    with pytest.raises(AilyusError, match="no"):
        await journal.store.write(refused)
    await rotation
    assert journal.store.signer.keyid == Signer(new).keyid
    # it fails itself: the former key goes on
    with pytest.raises(AilyusError, match="has signed this log already"):
        await rotate_log_key(journal, first, "ann", "back")
    assert journal.store.signer.keyid == Signer(new).keyid


async def test_of_two_at_once_one_is_refused(journal: Journal) -> None:
    both = [rotate_log_key(journal, Ed25519PrivateKey.generate(), "ann", "yearly") for _ in range(2)]
    done = await asyncio.gather(*both, return_exceptions=True)
    (refused,) = [one for one in done if isinstance(one, AilyusError)]
    assert "was rotated meanwhile" in refused.sentence
    assert len(journal.store.keys.keys) == 2
    roots = Roots.of(ORIGIN, journal.store.keys)
    assert await journal.store.read_aside(lambda read: list(audit(read, roots))) == []


async def test_the_log_opens_with_the_new_key_alone(opened: Open, first: Ed25519PrivateKey, tmp_path: Path) -> None:
    journal, new = await begun(opened(first), tmp_path), Ed25519PrivateKey.generate()
    await rotate_log_key(journal, new, "ann", "yearly")
    await journal.store.aclose()
    with pytest.raises(AilyusError) as caught:
        opened(first)
    assert Signer(new).keyid in caught.value.sentence
    store = opened(new)
    again = Journal(store, store.signer, tmp_path / "secrets")
    await again.load()
    assert again.ledger.size == 2
    ((data, leaf),) = await store.read("SELECT envelope, leaf_index FROM statements WHERE leaf_index = 0")
    assert again.ledger.genuine(blob(data), integer(leaf)) is not None  # what the former key signed in its part
    await rotate_log_key(again, Ed25519PrivateKey.generate(), "ann", "yearly")
    assert [(key.first, key.end) for key in store.keys.keys] == [(0, 2), (2, 3), (3, None)]
    await store.aclose()


async def test_with_both_keys_at_hand_the_one_that_signs_is_found(
    journal: Journal, opened: Open, first: Ed25519PrivateKey
) -> None:
    if not journal.store.shared:
        return  # a file has one process, which rotates itself
    new, other = Ed25519PrivateKey.generate(), opened(first)
    try:
        beside = Journal(other, other.signer, other.path.with_name("secrets"))
        await beside.load()
        await rotate_log_key(journal, new, "ann", "yearly")
        halted = said(journal, 5)
        await journal.store.write(halted.insert)
        # INVARIANT 10: it adds nothing with the former key, and goes on as soon as the new one is held
        with pytest.raises(AilyusError, match="which is not held here"):
            await other.write(said(beside, 7).insert)
        assert other.failed is None
        # it hears all the same what is said with the new one
        await beside.controls.look(everything=True)
        assert beside.ledger.size == 3
        other.successors = lambda: (first, new)
        await other.write(said(beside, 8).insert)
        assert (await signed_by(other))[-2:] == [Signer(new).keyid] * 2
    finally:
        await other.aclose()
