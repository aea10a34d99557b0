"""People are found by their name, or by issuer and subject together; a key's id follows from its bytes."""

import hashlib

import pytest
from pydantic import ValidationError

from policies.principal import People, Person, key_kind, keyid_of

ANN = Person("ann", "https://id", "sub-1", "acme", frozenset({"Support"}))
BOB = Person("bob", "local", "sub-1", "acme", frozenset())
PEOPLE = People({"ann": ANN, "bob": BOB})


def test_a_subject_means_somebody_else_at_another_issuer() -> None:
    assert PEOPLE.of("https://id", "sub-1") == ANN
    assert PEOPLE.of("local", "sub-1") == BOB
    for issuer, subject in (("https://id", "sub-2"), ("https://other", "sub-1"), ("", "sub-1"), ("sub-1", "local")):
        assert PEOPLE.of(issuer, subject) is None


def test_whoever_is_not_declared_is_nobody() -> None:
    assert PEOPLE.get("ann") == ANN
    for name in ("Ann", "", "sub-1"):
        assert PEOPLE.get(name) is None
    assert People().of("local", "sub-1") is None


def test_a_keys_id_is_the_beginning_of_its_hash() -> None:
    assert keyid_of(b"public") == hashlib.sha256(b"public").hexdigest()[:32]
    assert keyid_of(b"public") != keyid_of(b"publi")


@pytest.mark.parametrize("value", ["Passkey", "ssh", "", None, 1])
def test_a_kind_that_there_is_not_is_refused(value: object) -> None:
    assert [key_kind(kind) for kind in ("passkey", "file", "development")] == ["passkey", "file", "development"]
    with pytest.raises(ValidationError):
        key_kind(value)
