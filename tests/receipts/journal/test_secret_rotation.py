"""The key that seals secrets is rotated in one commit: what was sealed opens with the new key, and not with the old."""

import os
from dataclasses import replace

import pytest

from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.journal.secret_rotation import rotate_secrets
from receipts.journal.secret_vault import DATA_KEYS, KEY_BYTES, SecretVault
from receipts.journal.token_seal import TokenSeal
from receipts.log.log_keys import LogKeys
from receipts.store.data_keys import DataKeys, opened
from receipts.store.row import blob
from receipts.tables.grants import NewGrant, SealedTokens, find, put
from tests.receipts.making import SIGNER, action, intend, request

pytestmark = pytest.mark.both_stores
NEW = os.urandom(KEY_BYTES)
GRANT = NewGrant("vault:x", "crm", "both", "acme", "", "a@crm", (), "ann", SealedTokens(b"", b"", None, None))


async def minted(journal: Journal, value: str) -> str:
    ids, new = journal.handles.seal(request(), None, "act_1", {"v": (value, ("a.b",))}, journal.store.now_ms())
    await journal.store.write(new.insert)
    return ids["v"]


async def granted(journal: Journal, access: str, refresh: str) -> None:
    seal = TokenSeal(journal.handles)
    tokens = SealedTokens(
        seal.sealed(GRANT.id, "access", access), seal.sealed(GRANT.id, "refresh", refresh), None, None
    )
    await journal.store.write(lambda txn: put(txn, replace(GRANT, tokens=tokens)))


async def findings(journal: Journal) -> list[str]:
    roots = Roots.of(journal.store.origin, LogKeys.of(SIGNER))
    return await journal.store.read_aside(lambda read: list(audit(read, roots)))


async def test_what_was_sealed_opens_with_the_new_key_alone(journal: Journal) -> None:
    handle, former = await minted(journal, "hunter2"), journal.handles
    await granted(journal, "token", "")
    kept = await journal.store.write(lambda txn: txn.keys.seal("acme", "act_1", b"personal"))
    before = await findings(journal)
    done = await rotate_secrets(journal, NEW, "ann", "yearly")
    new, store = SecretVault(journal.store, NEW), journal.store
    assert (done.former, done.keyid, done.resealed, done.unopened) == (former.keyid, new.keyid, 3, 0)
    ((sealed,),) = await store.read("SELECT sealed FROM handles")
    assert (new.opened(handle, blob(sealed)), former.opened(handle, blob(sealed))) == ("hunter2", None)
    grant = await find(store, GRANT.id)
    assert grant is not None
    assert TokenSeal(new).opened(GRANT.id, "access", grant.tokens.access) == "token"
    assert TokenSeal(former).opened(GRANT.id, "access", grant.tokens.access) == ""
    assert grant.tokens.refresh == b""
    for vault, found in ((new, b"personal"), (former, kept)):
        keys = DataKeys(lambda vault=vault: vault.derived(DATA_KEYS))  # type: ignore[misc]
        assert await store.read_sealed(lambda read, k=keys: opened(k, [(kept,)], read)) == [(found,)]  # type: ignore[misc]
    await new.check()
    with pytest.raises(AilyusError, match="sealed with another key"):
        await former.check()
    assert await findings(journal) == before


async def test_what_no_key_opens_stays_as_it_is_and_is_counted(journal: Journal) -> None:
    await minted(journal, "hunter2")
    await journal.store.write(lambda txn: txn.write("UPDATE handles SET sealed = ?", b"damaged"))
    done = await rotate_secrets(journal, NEW, "ann", "yearly")
    assert (done.resealed, done.unopened) == (0, 1)
    assert await journal.store.read("SELECT sealed FROM handles") == [(b"damaged",)]


async def test_it_is_refused_while_an_action_is_out_and_then_nothing_changed(journal: Journal) -> None:
    handle = await minted(journal, "hunter2")
    await intend(journal, action())
    with pytest.raises(AilyusError, match="1 actions are out"):
        await rotate_secrets(journal, NEW, "ann", "yearly")
    ((sealed,),) = await journal.store.read("SELECT sealed FROM handles")
    assert journal.handles.opened(handle, blob(sealed)) == "hunter2"
    with pytest.raises(AilyusError, match="the new key is the present one"):
        await rotate_secrets(journal, journal.handles._key, "ann", "yearly")
