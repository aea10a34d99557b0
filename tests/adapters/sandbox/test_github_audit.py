"""The audit log of the twin of GitHub."""

from typing import Any

from adapters.sandbox.github_audit import hashed, record, recorded
from adapters.sandbox.system import Request

TOKEN = {"authorization": "Bearer t"}


def request(method: str, path: str, **query: str) -> Request:
    return Request(method, path, query, TOKEN, None, True)


def test_a_change_is_written_down_with_the_token_that_made_it_and_comes_late() -> None:
    state: dict[str, Any] = {}
    record(state, request("PUT", "/orgs/acme/teams/x/memberships/ada"))
    record(state, request("POST", "/somewhere/else"))
    (line,) = recorded(state, request("GET", "/orgs/acme/audit-log"), "acme")
    assert (line["action"], line["team"], line["user"]) == ("team.add_member", "acme/x", "ada")
    assert line["hashed_token"] == hashed("t")
    assert recorded(state, request("GET", "/orgs/other/audit-log"), "other") == []
    state["audit_after_ms"] = 60_000
    assert recorded(state, request("GET", "/orgs/acme/audit-log"), "acme") == []


def test_a_phrase_bounds_the_times() -> None:
    state: dict[str, Any] = {}
    record(state, request("DELETE", "/repos/acme/shop/keys/1"))
    old = request("GET", "/", phrase="created:2020-01-01T00:00:00Z..2020-01-02T00:00:00Z")
    assert recorded(state, old, "acme") == []
