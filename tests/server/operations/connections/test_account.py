"""Where the name of an account stands, in every form that vendors have."""

import pytest
from pydantic import JsonValue

from server.operations.connections.account import account_of

SOURCES: dict[str, JsonValue] = {
    "id_token": {"sub": "1", "email": "maria@example.com"},
    "token": {"team": {"id": "T1"}, "many": ["a"], "yes": True, "none": None, "long": "x" * 301, "hidden": "a\u200bb"},
    "redirect": {"realmId": "4620816365"},
    "check": [{"tenantName": "Acme", "number": 7}],
}


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("", "maria@example.com"),
        ("id_token.sub", "1"),
        ("token.team.id", "T1"),
        ("redirect.realmId", "4620816365"),
        ("check.0.tenantName", "Acme"),
        ("check.0.number", "7"),
        ("check.1.tenantName", ""),
        ("check.x", ""),
        ("token.many", ""),
        ("token.yes", ""),
        ("token.none", ""),
        ("token.long", ""),
        ("token.hidden", ""),
        ("token.team.id.more", ""),
    ],
)
def test_an_account_stands_where_it_is_declared(path: str, account: str) -> None:
    assert account_of(path, SOURCES) == account


def test_without_a_path_an_identity_token_says_it_or_nothing_does() -> None:
    assert account_of("", {"token": {"email": "nobody@example.com"}}) == ""
    assert account_of("", {"id_token": {"sub": "1"}}) == "1"
