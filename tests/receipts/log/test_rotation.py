"""A rotation is what the former key says in a statement of its kind, with whole keys under their own ids."""

import orjson
import pytest

from contracts.canonical import canonical
from receipts.log.rotation import rotation_of
from tests.receipts.rotations import about, as_rotation, plain, rotated, signer

A, B = signer(), signer()


def test_a_rotation_is_read_from_its_statement() -> None:
    assert rotation_of(rotated(A, B)) == as_rotation(A, B)
    assert rotation_of(plain(A, 1)) is None


def test_only_the_former_key_says_it() -> None:
    assert rotation_of(rotated(A, B, by=B)) is None
    assert rotation_of(rotated(A, B, by=signer())) is None


@pytest.mark.parametrize(
    "change",
    [
        {"of": "secrets"},
        {"keyid": A.keyid},
        {"keyid": "0" * 32},
        {"public": B.public.hex()[:-2]},
        {"public": "no hex"},
        {"public": 5},
        {"formerPublic": B.public.hex()},
        {"formerKeyid": B.keyid, "formerPublic": B.public.hex()},
    ],
    ids=["another-kind", "its-own-former", "no-key", "short", "no-hex", "no-text", "of-another", "of-itself"],
)
def test_what_names_no_two_keys_is_none(change: dict[str, object]) -> None:
    statement = orjson.loads(rotated(A, B).payload)
    statement["predicate"]["about"] = {**about(rotated(A, B)), **change}
    assert rotation_of(A.envelope(canonical(statement))) is None


def test_another_kind_with_the_same_words_is_none() -> None:
    statement = orjson.loads(rotated(A, B).payload)
    statement["predicateType"] = "https://ailyus.dev/key/v1"
    assert rotation_of(A.envelope(canonical(statement))) is None
    assert rotation_of(A.envelope(b"rotation, and no JSON")) is None
    assert rotation_of(A.envelope(b'["rotation"]')) is None
