"""What is rendered stays where the contract put it."""

import pytest

from contracts.action.http_request import HttpRequest, check_base_url, keyed, render_route, same_place
from contracts.compiler.catalog import load_catalog
from contracts.compiler.expressions import Fault
from contracts.errors import AilyusError
from contracts.schema.idempotency_key import IdempotencyKey
from tests.world import ROOT

PROGRAM = load_catalog(ROOT / "contracts" / "library").programs["reset_user_mfa"]
BASE = "http://127.0.0.1:1/acme/okta"


def test_the_request_is_the_contracts() -> None:
    http = render_route(PROGRAM.routes[0], BASE, {"inputs.user_id": "00u1"}, frozenset())
    assert not isinstance(http, Fault)
    assert (http.method, http.url) == ("POST", f"{BASE}/api/v1/users/00u1/lifecycle/reset_factors")
    assert len(http.digest) == 64


@pytest.mark.parametrize(
    "value",
    [
        "..",
        ".",
        "a/../b",
        "%2e%2e",
        "",
        "a\\..",
        "x?y",
        "\uff0e\uff0e",
        "\u2024\u2024",
        "a\u2215b",
        "a\u2044b",
        "a\uff0fb",
        "\u2026",
        "\u2100",
        "a\uff1fb",
    ],
)
def test_a_value_never_leaves_its_segment(value: str) -> None:
    assert isinstance(render_route(PROGRAM.routes[0], BASE, {"inputs.user_id": value}, frozenset()), Fault)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        (f"{BASE}/api", True),
        ("http://127.0.0.1:2/acme/okta/api", False),
        ("https://127.0.0.1:1/acme/okta/api", False),
        ("http://127.0.0.1:1/acme/oktax/api", False),
        ("http://user@127.0.0.1:1/acme/okta/api", False),
        ("http://evil/acme/okta/api", False),
    ],
)
def test_the_place_of_a_credential(url: str, same: bool) -> None:
    assert same_place(url, BASE) is same


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://example.com",
        "https://u:p@x",
        "https://x?a=b",
        "https://",
        "x",
        "https://[::1",
        "https://x:99999",
        "https://x:y",
    ],
)
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(AilyusError):
        check_base_url(url)


@pytest.mark.parametrize(
    ("url", "key", "sent"),
    [
        ("/a", {"query": "requestid"}, ("/a?requestid=k-1", ())),
        ("/a?x=1", {"query": "requestid"}, ("/a?x=1&requestid=k-1", ())),
        ("/a?x=1", {"header": "Idempotency-Key"}, ("/a?x=1", (("idempotency-key", "k-1"),))),
        ("/a", None, ("/a", ())),
    ],
)
def test_the_key_leaves_where_the_target_knows_it(url: str, key: dict[str, str] | None, sent: object) -> None:
    request = HttpRequest("POST", BASE + url, (), b"")
    leaves = keyed(request, IdempotencyKey(**key) if key else None, "k-1")
    assert (leaves.url.removeprefix(BASE), leaves.headers) == sent
