"""The keys of a log are read from its rotations: of our own log from what we signed, of another from trusted roots."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.journal.journal import Journal
from receipts.journal.log_rotation import rotate_log_key
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope, Signer
from receipts.store.key_history import keys_from, keys_to
from receipts.store.sqlite import SqliteStore
from receipts.store.transaction import SEARCH, STATEMENTS
from tests.receipts.rotations import ORIGIN, rotated, signer


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    own = signer()
    made = Journal(SqliteStore(tmp_path / "store.db", own, ORIGIN), own)
    await made.load()
    await rotate_log_key(made, Ed25519PrivateKey.generate(), "ann", "yearly")
    return made


async def put(journal: Journal, at: int, envelope: Envelope) -> None:
    """A row as whoever can write to the database puts it there."""
    row = (at, f"rcp_{at}", "rotation", None, "", "", "", "", None, 1, envelope.encoded())
    await journal.store.write(lambda txn: txn.write_many(STATEMENTS, [row]))
    await journal.store.write(lambda txn: txn.write_many(SEARCH, [("rotation", at)]))


async def known(journal: Journal) -> LogKeys:
    store = journal.store
    return await store.read_aside(lambda read: keys_to(read, store.signer, ORIGIN))


async def test_a_row_names_no_key(journal: Journal) -> None:
    before = await known(journal)
    assert before == journal.store.keys
    stranger, own = signer(), journal.store.signer
    await put(journal, 100, rotated(stranger, own))
    await put(journal, -1, rotated(stranger, own))
    assert await known(journal) == before
    await journal.store.aclose()


async def test_whoever_trusts_the_first_key_follows_what_each_key_signed(journal: Journal) -> None:
    (first, second), store = journal.store.keys.keys, journal.store
    trusted = LogKeys((type(first)(first.keyid, first.public),))
    assert await store.read_aside(lambda read: keys_from(read, trusted)) == store.keys
    stranger = signer()
    forged = Envelope(rotated(signer(), stranger).payload, second.keyid, bytes(64))
    await put(journal, 100, forged)
    assert await store.read_aside(lambda read: keys_from(read, trusted)) == store.keys
    other = LogKeys.of(Signer(Ed25519PrivateKey.generate()))
    assert await store.read_aside(lambda read: keys_from(read, other)) == other
    await store.aclose()
