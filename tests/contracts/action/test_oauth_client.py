"""The OAuth client of a connection: its sides, its digest, and references that another connection's tokens never fit."""

from dataclasses import fields, replace

import pytest

from contracts.action.oauth_client import OAuthClient, TokenReference

CLIENT = OAuthClient(
    grant="authorization_code",
    client_id="ailyus",
    client_auth="basic",
    issuer="https://id.example.com",
    token_url="https://id.example.com/token",
    client_secret="env:SECRET",
    read_scopes=("read", "profile"),
    write_scopes=("write",),
)
WHERE = ("books", "https://api.example.com", "acme")


def test_one_sign_in_serves_both_sides_where_their_scopes_are_the_same() -> None:
    same = replace(CLIENT, read_scopes=("a", "b"), write_scopes=("b", "a"))
    assert (CLIENT.sides, same.sides) == (("read", "write"), ("both",))
    assert [CLIENT.side(use) for use in ("read", "write")] == ["read", "write"]
    assert [same.side(use) for use in ("read", "write")] == ["both", "both"]
    assert [CLIENT.scopes(side) for side in ("read", "write", "both")] == [
        ("read", "profile"),
        ("write",),
        ("read", "profile"),
    ]


@pytest.mark.parametrize(
    ("grant", "is_stored"),
    [("authorization_code", True), ("client_credentials", False), ("jwt_bearer", False), ("token_exchange", False)],
)
def test_tokens_of_a_sign_in_alone_are_kept(grant: str, is_stored: bool) -> None:
    client = replace(CLIENT, grant=grant)  # type: ignore[arg-type]
    assert client.is_stored is is_stored
    assert client.is_exchanged is (grant == "token_exchange")


def test_every_field_but_the_patience_is_in_the_digest_of_a_target() -> None:
    changed = {
        f.name: ("x",) if f.name.endswith("scopes") else True if f.type == "bool" else "x" for f in fields(CLIENT)
    }
    changed["authorize_parameters"] = (("prompt", "consent"),)
    for name, value in changed.items():
        same = replace(CLIENT, **{name: value}).facts() == CLIENT.facts()  # type: ignore[arg-type]
        assert same is (name == "timeout_ms"), name


def test_a_connection_that_became_another_one_has_other_tokens() -> None:
    first = TokenReference.of(*WHERE, CLIENT, "read")
    assert first.text == f"oauth2:books/read/{first.instance}"
    others = [
        TokenReference.of("ledger", *WHERE[1:], CLIENT, "read"),
        TokenReference.of("books", "https://api.example.org", "acme", CLIENT, "read"),
        TokenReference.of("books", WHERE[1], "globex", CLIENT, "read"),
        TokenReference.of(*WHERE, CLIENT, "write"),
        *(
            TokenReference.of(*WHERE, replace(CLIENT, **{name: "x"}), "read")  # type: ignore[arg-type]
            for name in ("issuer", "authorize_url", "token_url", "client_id", "subject", "resource")
        ),
        TokenReference.of(*WHERE, replace(CLIENT, read_scopes=("read",)), "read"),
    ]
    assert len({first.instance, *(one.instance for one in others)}) == len(others) + 1


def test_tokens_that_are_exchanged_for_another_audience_are_others() -> None:
    client = replace(CLIENT, grant="token_exchange", per_person=True)
    first, other = (TokenReference.of(*WHERE, replace(client, audience=name), "read") for name in ("crm", "books"))
    assert first.instance != other.instance
    assert first.of_person("maria") == first.text.replace("{person}", "maria")


def test_a_new_secret_or_another_order_of_scopes_keeps_the_tokens() -> None:
    first = TokenReference.of(*WHERE, CLIENT, "read")
    for changed in (
        replace(CLIENT, client_secret="env:OTHER", client_auth="post"),
        replace(CLIENT, read_scopes=("profile", "read")),
        replace(CLIENT, timeout_ms=1),
    ):
        assert TokenReference.of(*WHERE, changed, "read") == first


def test_each_person_has_a_reference_of_their_own() -> None:
    shared, each = (TokenReference.of(*WHERE, replace(CLIENT, per_person=own), "write") for own in (False, True))
    assert each.text.endswith("/{person}")
    assert each.of_person("ann") == each.text.replace("{person}", "ann")
    assert shared.of_person("ann") == shared.text
