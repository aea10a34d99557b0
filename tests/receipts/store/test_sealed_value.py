"""A sealed value and its key: bound to its name, and told from what is not sealed."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from receipts.store.sealed_value import DataKey, is_sealed, key_of, new_key_id, text_of, unwrap, wrap

MASTER, TENANT = bytes(range(32)), os.urandom(32)


def test_a_key_is_bound_to_its_name() -> None:
    by = AESGCM(MASTER)
    assert unwrap(by, wrap(by, TENANT, "acme"), "acme") == TENANT
    assert unwrap(by, wrap(by, TENANT, "acme"), "umbrella") is None
    assert unwrap(by, b"short", "acme") is None
    assert 0 < new_key_id() < 2**63


def test_a_sealed_value_says_which_key_it_needs() -> None:
    key = DataKey(new_key_id(), AESGCM(MASTER))
    for value in (key.sealed(b"x"), key.sealed(b"x", bytes(16)), text_of(key.sealed(b"x"))):
        assert key_of(value) == key.id
    assert not any(map(is_sealed, (None, 7, "sealed:", "sealed:?", b"\0aeD", b"{}", "")))
