"""What an authorization server gave, held against what is declared."""

import pytest

from adapters.oauth.token_answer import TokenAnswer
from server.operations.connections.scopes import account_fault, scope_fault


def answer(scopes: str | None, *, refresh: str = "r", expires: int | None = 3600, identity: str = "") -> TokenAnswer:
    return TokenAnswer("a", refresh, expires, None if scopes is None else frozenset(scopes.split()), identity)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("read write", answer("write read")),
        ("read", answer(None)),  # a server that says nothing gave what was asked for (RFC 6749, section 5.1)
        ("read offline_access", answer("read")),  # the refresh token is there
        ("read openid", answer("read", identity="an.identity.token")),
        ("read", answer("read", refresh="", expires=None)),  # a token that does not end needs none
        ("", answer(None)),
    ],
)
def test_what_is_just_as_declared_is_kept(declared: str, told: TokenAnswer) -> None:
    assert scope_fault(declared.split(), told) is None


@pytest.mark.parametrize(
    ("declared", "told", "reason", "named"),
    [
        ("read", answer("read admin"), "wider_scopes", "`admin`"),
        ("read write", answer("read admin"), "wider_scopes", "`admin`"),
        ("read write", answer("read"), "missing_scopes", "`write`"),
        ("read openid", answer("read"), "missing_scopes", "`openid`"),
        ("read", answer("READ"), "wider_scopes", "`READ`"),  # scopes are compared as they are (RFC 6749, section 3.3)
        ("read", answer("read", refresh=""), "missing_scopes", "refresh token"),
        ("read offline_access", answer("read", refresh="", expires=None), "missing_scopes", "`offline_access`"),
    ],
)
def test_what_is_more_or_less_is_refused_by_name(declared: str, told: TokenAnswer, reason: str, named: str) -> None:
    refusal = scope_fault(declared.split(), told)
    assert refusal is not None
    assert refusal.reason == reason
    assert named in refusal.sentence


def test_only_the_declared_account_counts_where_one_is_declared() -> None:
    assert account_fault("", "anybody") is None
    assert account_fault("acme", "acme") is None
    for other in ("Acme", "", "acme "):
        assert account_fault("acme", other) is not None, other
