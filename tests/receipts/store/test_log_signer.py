"""A signer that fails in a commit: nothing of the group is there, and the next group is committed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.canonical import new_id
from receipts.journal.journal import Journal
from receipts.log import signing_key
from receipts.log.signing import Signer
from receipts.log.signing_key import NoSignature, RemoteKey, SignerFault
from receipts.statement.gateway_facts import HaltFacts
from receipts.store.postgres import PostgresStore
from receipts.store.sqlite import SqliteStore
from receipts.store.store import Store
from tests.receipts.rotations import ORIGIN

pytestmark = pytest.mark.both_stores


class Fickle(RemoteKey):
    """Signs, but for what begins so."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        super().__init__("fickle", self.key.public_key())
        self.refuses = b"-"

    def _ask(self, data: bytes) -> bytes | SignerFault:
        return SignerFault("does not sign this") if data.startswith(self.refuses) else self.key.sign(data)

    def close(self) -> None:
        """It holds nothing."""


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Fickle:
    monkeypatch.setattr(signing_key, "_REST_SECONDS", 0.0)
    return Fickle()


@pytest.fixture
async def store(tmp_path: Path, database: str, key: Fickle) -> AsyncIterator[Store]:
    signer, path = Signer(key), tmp_path / "store.db"
    made = PostgresStore(database, path, signer, ORIGIN) if database else SqliteStore(path, signer, ORIGIN)
    yield made
    await made.aclose()


@pytest.mark.parametrize("refused", [b"DSSEv1", ORIGIN.encode()], ids=["a statement", "the checkpoint"])
async def test_without_a_signature_nothing_is_committed_and_the_next_group_is(
    refused: bytes, store: Store, key: Fickle, tmp_path: Path
) -> None:
    journal = Journal(store, store.signer, tmp_path / "secrets")
    await journal.load()

    async def say() -> int:
        facts = HaltFacts(event="lifted", scope="all", name="", allow_undo=False, by="ann")
        about = {"h": "0" * 64}
        said = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", about, store.now_ms())
        return await store.write(said.insert)

    first = await say()
    before = await store.newest()
    key.refuses = refused
    with pytest.raises(NoSignature, match="`fickle`"):
        await say()
    assert store.failed is None
    assert await store.newest() == before
    assert await store.read("SELECT max(leaf_index) FROM statements") == [(first,)]
    key.refuses = b"-"
    assert await say() == first + 1
    assert await store.newest() != before


async def test_a_probe_asks_the_signer(store: Store, key: Fickle) -> None:
    await store.probe()
    key.refuses = b""
    with pytest.raises(NoSignature):
        await store.probe()
    assert key.fault
