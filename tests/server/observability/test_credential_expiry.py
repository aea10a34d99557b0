"""When a credential says that it expires: only a JSON Web Token says so, and nothing else is taken for one."""

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.observability.credential_expiry import expiry_of


@pytest.mark.parametrize(
    ("claims", "expires"),
    [({"exp": 1_800_000_000}, 1.8e9), ({"exp": 1.5}, 1.5), ({}, None), ({"exp": "soon"}, None), ({"exp": True}, None)],
)
def test_a_token_says_when_it_expires_whoever_signed_it(claims: dict[str, object], expires: float | None) -> None:
    token = jwt.encode(claims, "a key of thirty-two bytes, at least", algorithm="HS256")
    assert expiry_of(token) == expires
    # nothing is believed of it: one that is long over is read too
    assert expiry_of(token[:-2] + "AA") == expires


@given(st.text(max_size=40))
def test_any_other_secret_says_nothing_and_makes_nothing_fail(secret: str) -> None:
    assert expiry_of(secret) is None
