"""Releases, tenants' keys and people's keys: each row counts by its signed statement, and each change moves the epoch."""

from dataclasses import replace

import orjson
import pytest

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.passkey import Assertion, encode
from policies.principal import Key, Passkey, keyid_of
from receipts.journal.journal import Journal
from receipts.journal.registry import count_use, insert_key
from receipts.log.signing import Envelope
from receipts.statement.gateway_facts import KeyFacts
from receipts.statement.statement import SignedStatement, key_digest
from receipts.store.row import blob
from receipts.store.transaction import Conflict, Txn
from tests.free import free
from tests.receipts.making import KEY
from tests.receipts.stages import rows

PUBLIC = KEY.public_key().public_bytes_raw()
FILE_KEY = Key(keyid_of(PUBLIC), PUBLIC, "lead", "file")
PASSKEY = Key(keyid_of(b"cose"), b"cose", "lead", "passkey", passkey=Passkey("cred", "localhost", "http://localhost"))


def linked(journal: Journal, key: Key) -> SignedStatement:
    at = key.passkey or Passkey("", "", "")
    holder = journal.notary.pseudonym("acme", "person", key.person)
    facts = KeyFacts(
        event="linked", keyid=key.keyid, public=key.public.hex(), key_kind=key.kind, holder=holder,
        credential=at.credential, rp_id=at.rp_id, origin=at.origin,
    )  # fmt: skip
    return journal.notary.sign_gateway_statement(facts, new_id("rcp"), "acme", {key.keyid: "0" * 64}, 1)


async def link(journal: Journal, key: Key, said: Key | None = None) -> None:
    """A key with its statement; `said` is what that says where the row says otherwise."""

    def work(txn: Txn) -> None:
        insert_key(txn, key)
        linked(journal, said or key).insert(txn)

    await journal.store.write(work)


async def activate(
    journal: Journal, release: str, *, tenants: tuple[str, ...] = ("acme",), again: bool = False
) -> None:
    sealed = journal.notary.sign_gateway_statement(free("release"), new_id("rcp"), "", {"r": "1" * 64}, 1)
    await journal.registry.activate(release, tenants, [("reset", 1, "a" * 64)], sealed, again=again)


async def released(journal: Journal) -> int:
    return len(await journal.store.read("SELECT 1 FROM statements WHERE kind = 'release'"))


async def test_a_release_is_live_at_once_and_moves_the_epoch(journal: Journal) -> None:
    epoch = journal.epoch
    await activate(journal, "release-2")
    assert (journal.registry.release, journal.controls.live, journal.epoch) == ("release-2", "release-2", epoch + 1)
    said = await released(journal)
    await activate(journal, "release-2", again=True)
    assert await released(journal) == said, "the same author's same release is not said twice in a row"
    await activate(journal, "release-2", again=False)
    await activate(journal, "release-3", again=True)
    assert await released(journal) == said + 2


async def test_each_tenant_has_one_key_whose_digest_is_logged(journal: Journal) -> None:
    first = journal.registry.tenant_key("acme")
    await activate(journal, "release-2", tenants=("acme", "umbrella"))
    assert journal.registry.tenant_key("acme") == first
    assert len(journal.registry.tenant_key("umbrella")) == 32
    assert journal.ledger.tenants == {name: key_digest(key) for name, key in journal.registry.tenant_keys.items()}
    with pytest.raises(AilyusError) as caught:
        journal.registry.tenant_key("initech")
    assert (caught.value.code, caught.value.sentence) == (
        "not_found", "the tenant `initech` is not part of the release",
    )  # fmt: skip


async def test_a_tenants_key_that_is_not_the_logged_one_is_refused(journal: Journal) -> None:
    await journal.store.write(lambda txn: txn.write("UPDATE tenant_keys SET key = ?", b"k" * 32))
    with pytest.raises(AilyusError) as caught:
        await journal.registry.load()
    assert caught.value.code == "store_corrupt"
    assert "the key of the tenant `acme` is not the one that was logged" in str(caught.value)


async def test_other_content_under_a_released_version_has_a_suffix(journal: Journal) -> None:
    await activate(journal, "release-2")
    assert await journal.registry.suffix("reset", 1, "a" * 64) == ""
    assert await journal.registry.suffix("reset", 1, "b" * 64) == "+" + "b" * 8
    assert await journal.registry.suffix("reset", 2, "b" * 64) == ""


async def test_a_key_counts_by_its_statement(journal: Journal) -> None:
    await link(journal, FILE_KEY)
    assert await journal.registry.keys() == {FILE_KEY.keyid: FILE_KEY}
    await journal.store.write(lambda txn: txn.write("UPDATE keys SET person = 'eve'"))
    assert await journal.registry.keys() == {}


async def test_a_key_without_a_statement_is_none(journal: Journal) -> None:
    await journal.store.write(lambda txn: insert_key(txn, FILE_KEY))
    assert await journal.registry.keys() == {}


async def test_a_revocation_holds_whatever_the_row_says(journal: Journal) -> None:
    await link(journal, FILE_KEY)
    await journal.store.write(
        lambda txn: txn.write("INSERT INTO sessions VALUES ('hash', 'lead', ?, 9)", FILE_KEY.keyid)
    )
    facts = KeyFacts(event="revoked", keyid=FILE_KEY.keyid)
    sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "acme", {FILE_KEY.keyid: "0" * 64}, 2)
    epoch = journal.epoch
    await journal.registry.revoke_key(FILE_KEY.keyid, sealed)
    assert journal.epoch == epoch + 1
    assert await journal.store.read("SELECT 1 FROM sessions") == []
    await journal.store.write(lambda txn: txn.write("UPDATE keys SET revoked = 0"))
    assert await journal.registry.keys() == {FILE_KEY.keyid: replace(FILE_KEY, revoked=True)}
    with pytest.raises(Conflict):
        await journal.registry.revoke_key("unknown", sealed)


async def test_a_passkey_is_found_by_its_credential_and_counts_on(journal: Journal) -> None:
    await link(journal, PASSKEY)
    assert await journal.registry.passkey("cred") == (PASSKEY, 0)
    assert await journal.registry.passkey("other") is None
    await journal.store.write(lambda txn: count_use(txn, PASSKEY.keyid, 0))  # synced ones always say 0
    await journal.store.write(lambda txn: count_use(txn, PASSKEY.keyid, 5))
    for stale in (5, 4, 0):
        with pytest.raises(Conflict):
            await journal.store.write(lambda txn, uses=stale: count_use(txn, PASSKEY.keyid, uses))  # type: ignore[misc]
        assert not await journal.registry.grows(PASSKEY.keyid, asserted(stale))
    assert await journal.registry.grows(PASSKEY.keyid, asserted(6))
    assert await journal.registry.passkey("cred") == (PASSKEY, 5)
    assert await journal.registry.uses("unknown") == 0


def asserted(uses: int) -> Assertion:
    data = encode(b"\0" * 33 + uses.to_bytes(4, "big"))
    return Assertion(credential="cred", client_data="", authenticator_data=data, signature="")


async def test_a_statement_holds_the_digest_of_a_tenants_key_and_not_the_key(journal: Journal) -> None:
    ((envelope,),) = await journal.store.read("SELECT envelope FROM statements WHERE kind = 'tenant'")
    ((key,),) = await rows(journal, "key", "tenant_keys")
    about = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"]["about"]
    assert about == {"event": "keyed", "tenant": "acme", "keyDigest": key_digest(blob(key))}
