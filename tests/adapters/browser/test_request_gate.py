"""The gate of a page: of everything that could change something, only the committed request leaves, and once."""

from typing import Any

import pytest

from adapters.browser.request_gate import RequestGate, origin_of, place_of_page
from adapters.browser.tab import Tab
from contracts.schema.flow import Commit

NO_PAGE: Any = None
BASE = "https://pages.example/base"
PLACE = f"{BASE}/records/r1"


def gate(enter: Any = lambda: None) -> RequestGate:
    made = RequestGate(Tab(NO_PAGE, NO_PAGE, NO_PAGE), f"{BASE}/", enter)
    made.allow(Commit(post="/records/r1"))
    return made


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_nothing_leaves_before_a_commit_is_allowed(method: str) -> None:
    made = RequestGate(Tab(NO_PAGE, NO_PAGE, NO_PAGE), BASE, lambda: None)
    assert not made._lets(method, PLACE, "Document")
    assert made.notes == [f"a {method} was held back"]
    assert not made.left.is_set()


def test_the_committed_request_leaves_once() -> None:
    made = gate()
    assert made._lets("POST", PLACE, "Document")
    assert made.submitted
    assert made.left.is_set()
    assert not made._lets("POST", PLACE, "Document")
    assert made.notes == ["a POST was held back"]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", PLACE),
        ("POST", f"{PLACE}/x"),
        ("POST", f"{BASE}/records/r2"),
        ("POST", "https://pages.example/records/r1"),
        ("POST", "http://pages.example/base/records/r1"),
        ("POST", "https://evil.example/base/records/r1"),
        ("POST", "https://pages.example:8443/base/records/r1"),
        ("POST", "https://me@pages.example/base/records/r1"),
        ("POST", f"{BASE}/records/%2E%2E/records/r1"),
    ],
)
def test_no_other_request_leaves(method: str, url: str) -> None:
    made = gate()
    assert not made._lets(method, url, "XHR")
    assert not made.submitted
    # what was held back uses nothing up
    assert made._lets("POST", PLACE, "XHR")


def test_the_same_path_encoded_otherwise_is_the_same_place() -> None:
    assert gate()._lets("POST", f"{BASE}/records/%72%31?csrf=x", "Document")


def test_a_gate_that_refuses_is_asked_once_and_nothing_leaves() -> None:
    asked: list[int] = []

    def halted() -> str:
        asked.append(1)
        return "a person halted it"

    made = gate(halted)
    assert not made._lets("POST", PLACE, "Document")
    assert (made.refusal, made.submitted) == ("a person halted it", False)
    assert made.left.is_set()
    assert not made._lets("POST", PLACE, "Document")
    assert len(asked) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_free_but_no_page_of_another_origin_is_shown(method: str) -> None:
    made = gate()
    assert made._lets(method, f"{BASE}/any", "Document")
    assert made._lets(method, "https://cdn.example/x.js", "XHR")
    assert not made._lets(method, "https://evil.example/", "Document")
    assert made.notes == ["a page of another origin was refused"]


def test_an_origin_and_a_place() -> None:
    assert origin_of("https://a.example:8443/x?y#z") == "https://a.example:8443"
    assert place_of_page("https://a.example/x%20y/?q=1") == "/x y/"
