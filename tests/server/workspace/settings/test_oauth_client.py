"""`[connections.NAME.oauth2]`: what does not fit together is refused with a sentence that says what to change."""

from typing import Any

import pytest
from pydantic import ValidationError

from server.workspace.settings.connection import ConnectionPart
from server.workspace.settings.oauth_client import OAuthClientPart

SECRET: dict[str, Any] = {"client_id": "c", "client_secret": "env:S", "token_url": "https://a.example/token"}
KEY: dict[str, Any] = {"client_id": "c", "key": "env:K", "token_url": "https://a.example/token"}
OWN: dict[str, Any] = {"grant": "client_credentials"}
SIGNED: dict[str, Any] = {"grant": "jwt_bearer"}
PEOPLE: dict[str, Any] = {"grant": "authorization_code", "authorize_url": "https://a.example/authorize"}
EXCHANGED: dict[str, Any] = {"grant": "token_exchange"}
PLAIN: dict[str, Any] = {"kind": "k", "base_url": "https://a.example", "tenant": "t", "environment": "prod"}


@pytest.mark.parametrize(
    ("given", "proof"),
    [
        ({**OWN, **SECRET}, "basic"),
        ({**OWN, **SECRET, "client_auth": "post"}, "post"),
        ({**OWN, **KEY}, "private_key_jwt"),
        ({**SIGNED, **KEY, "subject": "s", "audience": "a"}, "none"),
        ({**SIGNED, **KEY, "client_secret": "env:S"}, "basic"),
        ({**PEOPLE, **SECRET}, "basic"),
        ({**EXCHANGED, **SECRET, "audience": "crm"}, "basic"),
        ({**EXCHANGED, **KEY}, "private_key_jwt"),
        ({**PEOPLE, "client_id": "public", "token_url": "https://a.example/token", "per_person": True}, "none"),
        ({"grant": "authorization_code", "client_id": "c", "issuer": "https://a.example"}, "none"),
    ],
)
def test_how_a_client_proves_itself_follows_from_what_it_has(given: dict[str, Any], proof: str) -> None:
    assert OAuthClientPart(**given).proof == proof


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({**OWN, "client_id": "c", "client_secret": "env:S"}, "it needs `issuer` or `token_url`"),
        ({"grant": "authorization_code", **SECRET}, "this grant needs `issuer` or `authorize_url`"),
        ({**OWN, **SECRET, "authorize_url": "https://a.example"}, "`authorize_url` is for `authorization_code` alone"),
        ({**OWN, **SECRET, "per_person": True}, "`per_person` is for `authorization_code` alone"),
        ({**OWN, **KEY, "client_auth": "post"}, "`post` needs `client_secret`"),
        ({**OWN, **KEY, "client_secret": "env:S", "client_auth": "private_key_jwt"}, "takes no `client_secret`"),
        ({**OWN, **SECRET, "client_auth": "private_key_jwt"}, "`private_key_jwt` takes no `client_secret`"),
        ({**OWN, "client_id": "c", "token_url": "https://a.example"}, "this grant needs `client_secret` or `key`"),
        ({**SIGNED, **SECRET}, "`jwt_bearer` needs `key`"),
        (
            {**EXCHANGED, "client_id": "c", "token_url": "https://a.example"},
            "this grant needs `client_secret` or `key`",
        ),
        ({**EXCHANGED, **SECRET, "per_person": True}, "`token_exchange` is for each person anyway"),
        ({**EXCHANGED, **SECRET, "key_id": "k"}, "`key_id` and `audience` need `key`"),
        ({**EXCHANGED, **SECRET, "account": "token.id"}, "are for `authorization_code` alone"),
        ({**OWN, **SECRET, "subject": "s"}, "`subject` is for `jwt_bearer` alone"),
        ({**OWN, **SECRET, "audience": "a"}, "`key_id` and `audience` need `key`"),
        ({**OWN, **SECRET, "key": "env:K"}, "`key` is used by `jwt_bearer` and `private_key_jwt`"),
        ({**OWN, **SECRET, "read_scopes": ["a"]}, "give both `read_scopes` and `write_scopes`"),
        ({**OWN, **SECRET, "read_scopes": ["a b"], "write_scopes": ["a"]}, "a scope has no white space"),
        ({**OWN, **SECRET, "client_secret": "hunter2"}, "it does not refer to a secret"),
        ({**OWN, **SECRET, "tokn_url": "https://a.example"}, "Extra inputs are not permitted"),
        ({**OWN, **SECRET, "grant": "password"}, "Input should be"),
        ({**OWN, **SECRET, "token_url": "https://user@a.example/token"}, "String should match pattern"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_change(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OAuthClientPart(**given)
    assert sentence in str(caught.value)
    assert "hunter2" not in caught.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"read": "env:R", "write": "env:W", "auth": "oauth2"},
            '`auth = "oauth2"` and a table `oauth2` belong together',
        ),
        ({"read": "env:R", "write": "env:W", "oauth2": {**OWN, **SECRET}}, "belong together"),
        ({"auth": "oauth2", "oauth2": {**OWN, **SECRET}, "read": "env:R"}, "take `read` away"),
        ({"auth": "oauth2", "oauth2": {**OWN, **SECRET}, "write": "none"}, "take `write` away"),
        ({"read": "env:R"}, "`write` is missing: a reference to the credential, or `none`"),
        ({"auth": "oauth2", "oauth2": {**OWN, **SECRET}, "adapter": "a"}, "`oauth2` is for HTTP APIs"),
        ({"auth": "oauth2", "oauth2": {**OWN, **SECRET}, "mcp": {"command": ["a"]}}, "`oauth2` is for HTTP APIs"),
    ],
)
def test_a_connection_has_references_or_signs_in(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ConnectionPart(**PLAIN, **given)
    assert sentence in str(caught.value)
