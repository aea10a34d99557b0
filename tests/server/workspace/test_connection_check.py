"""The check of one connection: headers that the settings may name, and those that they may not."""

from dataclasses import replace

import pytest

from contracts.action.target import PluginRef, Target
from contracts.errors import AilyusError
from server.workspace.connection_check import check_connection

Headers = tuple[tuple[str, str], ...]


def connection(headers: Headers, base_url: str = "https://api.example.com", header: str = "Authorization") -> Target:
    return Target("x", "x", base_url, "acme", "prod", "none", "none", "p", header=header, headers=headers)


def test_headers_that_vendors_ask_for() -> None:
    headers = (("intercom-version", "2.15"), ("x-github-api-version", "2022-11-28"), ("xero-tenant-id", "t-1"))
    check_connection(connection(headers))


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ((("authorization", "Bearer x"),), "the header `authorization` is one for a credential"),
        ((("x-api-key", "x"),), "the header `x-api-key` is one for a credential"),
        ((("api-key", "x"),), "the header `api-key` is one for a credential"),
        ((("x-vault-token", "x"),), "the header `x-vault-token` is one for a credential"),
        ((("cookie", "a=b"),), "the header `cookie` is one for a credential"),
        ((("x-mine", "x"),), "the header `x-mine` is one for a credential"),
        ((("host", "other.example.com"),), "the gateway writes the header `host` itself"),
        ((("content-length", "3"),), "the gateway writes the header `content-length` itself"),
        ((("traceparent", "00"),), "the gateway writes the header `traceparent` itself"),
        ((("a", "1"), ("a", "2")), "the header `a` stands there twice"),
        ((("a b", "1"),), "`a b` is no name of a header"),
        ((("", "1"),), "`` is no name of a header"),
        ((("a", "1\r\nb: 2"),), "the value of the header `a` cannot be sent"),
        ((("a", ""),), "the value of the header `a` cannot be sent"),
        ((("a", "naïve"),), "the value of the header `a` cannot be sent"),
        ((("a", "x" * 1025),), "the value of the header `a` cannot be sent"),
        (tuple((f"a{n}", "1") for n in range(17)), "`headers` has more than 16"),
    ],
)
def test_a_header_that_does_not_belong_there(headers: Headers, sentence: str) -> None:
    with pytest.raises(AilyusError) as refused:
        check_connection(connection(headers, header="X-Mine"))
    assert refused.value.sentence == sentence


def test_headers_need_an_address_of_http() -> None:
    of_ldap = replace(connection((("a", "1"),), "ldaps://directory.example.com"), plugin=PluginRef("ldap", "0" * 64))
    with pytest.raises(AilyusError, match="`headers` are for a connection with a `base_url` of HTTP"):
        check_connection(of_ldap)
