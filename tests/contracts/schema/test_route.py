"""Reads and routes: exactly one way each, and no word at a way that ignores it."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.route import HttpRoute, McpCall, Observe, Route

MCP = {"tool": "t", "definition": "c" * 64}
OK = "response.status == 200"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "exactly one of get, post, browser, mcp, python"),
        ({"get": "/a", "post": "/b"}, "exactly one of get, post, browser, mcp, python"),
        ({"get": "/a", "mcp": MCP}, "exactly one of get, post, browser, mcp, python"),
        ({"get": "a"}, "should match pattern"),
        ({"get": "/a", "json": {"a": 1}}, "a GET has no body"),
        ({"get": "/a", "form": {"a": "1"}}, "a GET has no body"),
        ({"post": "/a", "json": {}, "form": {}}, "a body is json or form, not both"),
        ({"browser": "look", "query": {"a": "1"}}, "a flow has no query, headers or body"),
        ({"browser": "look", "json": 0}, "a flow has no query, headers or body"),
        ({"mcp": MCP, "may_be_absent": True}, "a tool has nothing here but"),
        ({"mcp": MCP, "headers": {"a": "b"}}, "a tool has nothing here but"),
        ({"python": {"operation": "o"}, "decode": "xml"}, "an adapter has nothing here but"),
        ({"python": {"operation": "o"}, "whole": "true"}, "are for a read by `get` or `post`"),
        ({"browser": "look", "omits_empty": ["a"]}, "are for a read by `get` or `post`"),
    ],
)
def test_what_is_no_read(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Observe.model_validate(words)


def test_a_read_as_it_was_written_keeps_its_digest() -> None:
    assert Observe.model_validate({"get": "/a"}).model_dump(by_alias=True) == {
        "get": "/a",
        "target": None,
        "query": {},
        "may_be_absent": False,
        "decode": "json",
    }


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "exactly one of post, put, patch, delete"),
        ({"post": "/a", "put": "/a"}, "exactly one of post, put, patch, delete"),
        ({"get": "/a"}, "Extra inputs"),
        ({"post": "/a", "json": {}, "form": {}}, "json or form, not both"),
        ({"post": "https://evil.example"}, "should match pattern"),
        ({"post": "/a", "timeout": "49ms"}, "greater than or equal to 50"),
        ({"post": "/a", "timeout": "61s"}, "less than or equal to 60000"),
    ],
)
def test_what_is_no_request(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        HttpRoute.model_validate(words)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_request_has_its_method_and_path(method: str) -> None:
    made = HttpRoute.model_validate({method: "/a"})
    assert (made.method, made.path) == (method.upper(), "/a")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "exactly one of http, browser, mcp, python"),
        ({"http": {"post": "/a"}, "mcp": MCP, "ok": OK}, "exactly one of http, browser, mcp, python"),
        ({"http": {"post": "/a"}}, "a route by `http` needs `ok`"),
        ({"python": {"operation": "o"}}, "a route by `python` needs `ok`"),
        ({"browser": {"flow": "f"}, "ok": OK}, "declared in its flow"),
        ({"browser": {"flow": "f"}, "no_effect": OK}, "declared in its flow"),
        ({"python": {"operation": "o"}, "ok": OK, "stale": OK}, "for a route by `http`"),
        ({"http": {"post": "/a", "idempotency_key": "K"}, "ok": OK, "stale": OK}, "needs no idempotency key"),
    ],
)
def test_what_is_no_route(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Route.model_validate(words)


def test_a_route_knows_its_way() -> None:
    routes = [
        {"http": {"post": "/a"}, "ok": OK},
        {"browser": {"flow": "f"}},
        {"mcp": MCP},
        {"python": {"operation": "o"}, "ok": OK},
    ]
    assert [Route.model_validate(words).way for words in routes] == ["http", "browser", "mcp", "python"]


@pytest.mark.parametrize(
    "words", [{"tool": ""}, {"tool": "a b"}, {"tool": "a" * 129}, {"definition": "c" * 63}, {"definition": "C" * 64}]
)
def test_a_tool_is_pinned_by_its_digest(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        McpCall.model_validate({**MCP, **words})
    assert McpCall.model_validate({**MCP, "tool": "ns/get-user.v2"}).arguments == {}
