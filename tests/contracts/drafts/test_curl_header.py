"""Headers of a line: kept if harmless, described if a credential, named in every other case."""

import pytest

from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.curl_header import Headers
from contracts.drafts.curl_line import CurlLine
from contracts.errors import AilyusError
from tests.contracts.drafts.making import READ, SAID, SECRET, content, left

KEPT = (
    "PRIVATE-TOKEN",
    "X-Auth-Token",
    "X-Vault-Token",
    "apikey",
    "Api-Token",
    "X-Api-Key",
    "X-Shopify-Access-Token",
    "DD-API-KEY",
)


NAMED = (
    "X-CSRF-Token",
    "Proxy-Authorization",
    "X-Whatever",
    "Cookie",
    "X-Session-Id",
    "X-Amz-Foo",
    "Referer",
    "X-Tenant",
)


@pytest.mark.parametrize("name", KEPT)
def test_a_credential_goes_to_the_connection(name: str) -> None:
    draft, _ = draft_lines(f"curl -X POST https://d.example/a -H '{name}: {SECRET}'", READ, "do", "d", {})
    assert draft.credential == (name, "")
    assert SECRET not in draft.text(SAID)
    assert not left(draft)


@pytest.mark.parametrize("name", NAMED)
def test_any_other_header_is_named_and_its_value_is_not_kept(name: str) -> None:
    draft, _ = draft_lines(f"curl -X POST https://d.example/a -H '{name}: {SECRET}'", READ, "do", "d", {})
    assert SECRET not in draft.text(SAID)
    assert list(left(draft)) == [f"execute.0.http.headers.{name}"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("-H 'Authorization: Bearer x'", ("Authorization", "Bearer")),
        ("-H 'Authorization: SSWS x'", ("Authorization", "SSWS")),
        ("-H 'Authorization: x'", ("Authorization", "")),
        ("-u me:x", ("Authorization", "Basic")),
        ("--oauth2-bearer x", ("Authorization", "Bearer")),
    ],
)
def test_how_a_credential_is_written(given: str, found: tuple[str, str]) -> None:
    assert draft_lines(f"curl -X POST https://d.example/a {given}", READ, "do", "d", {})[0].credential == found


def test_keys_and_versions_of_one_request_are_asked_for() -> None:
    line = """curl -X PUT https://d.example/api/users/u-7 -H 'Idempotency-Key: 5f1e' -H 'If-Match: "7"' -H 'Prefer: return=minimal' -d a=b"""
    draft, _ = draft_lines(line, "curl https://d.example/api/users/u-7", "do", "d", {})
    http = content(draft)["execute"][0]["http"]
    assert (http["idempotency_key"], http["headers"]) == ("Idempotency-Key", {"Prefer": "return=minimal"})
    assert list(left(draft)) == ["execute.0.http.if_match"]


def headers(*given: str) -> CurlLine:
    line = CurlLine()
    made = Headers(line)
    for one in given:
        made.take(one)
    return line


@pytest.mark.parametrize("given", ["Prefer", "@file", "a b: c", ": x", "Pré: x", "a\nb: c"])
def test_what_is_no_header(given: str) -> None:
    with pytest.raises(AilyusError, match="is no header with its value"):
        headers(given)


def test_no_value_is_told_in_an_error() -> None:
    with pytest.raises(AilyusError) as caught:
        headers("a b: s3cret")
    assert "s3cret" not in str(caught.value)


def test_what_a_client_sets_itself_is_left_out_and_said() -> None:
    line = headers("User-Agent: curl", "Accept: application/json", "Prefer:", "Accept:")
    assert line.headers == {}
    assert line.notes == [
        "the header User-Agent is the client's own and left out",
        "the line takes the header Prefer away; it is not sent here either",
    ]


def test_a_second_credential_is_named() -> None:
    line = headers("Authorization: Bearer x", "Authorization: Bearer y", "X-Api-Key: z")
    assert line.credential == ("Authorization", "Bearer")
    assert list(line.headers) == ["X-Api-Key"]
    assert line.headers["X-Api-Key"].startswith("TODO")


@pytest.mark.parametrize("scheme", ["Digest", "OAuth", "Negotiate", "NTLM", "AWS4-HMAC-SHA256"])
def test_a_credential_that_signs_one_request_is_none_of_a_connection(scheme: str) -> None:
    with pytest.raises(AilyusError, match="signs one request"):
        headers(f"Authorization: {scheme} x")
