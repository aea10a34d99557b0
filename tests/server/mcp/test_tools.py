"""What an agent reads before it calls: short, in order, typed, and only what it may call."""

from typing import Any

import jsonschema
import pytest

from contracts.action.request import Caller
from server.mcp.tool_description import MAX_DESCRIPTION
from server.mcp.tools import tools_for
from server.results.output_schema import OUTPUT_SCHEMA
from server.workspace.templates import TEMPLATES
from tests.server.mcp.library import library, library_tools, tokens, tools_of
from tests.server.results.statuses import RESULTS

BUDGET = 11_000 / 36
"""Tokens of one tool, on average: 36 tools may cost 11,000."""


def test_entries() -> None:
    tools = library_tools()
    assert len(tools) >= 150
    for tool in tools:
        assert tool.description
        assert len(tool.description) <= MAX_DESCRIPTION
        assert not tool.description.endswith("…"), tool.name
        places = [tool.description.find(word) for word in ("Use when:", "Risk:")]
        assert -1 not in places
        assert places == sorted(places)
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
        assert tool.title
        assert tool.annotations is not None
        assert tool.annotations.title == tool.title
    reset = next(t for t in tools if t.name == "reset_user_mfa")
    assert "approval of SecurityLead" in (reset.description or "")
    assert "Needs: user_id from find_user." in (reset.description or "")
    assert "reason" in reset.input_schema["required"]
    assert reset.annotations is not None
    assert reset.annotations.destructive_hint
    assert (reset.meta or {})["dev.ailyus/contract"] == "reset_user_mfa@2"


def test_what_is_always_denied_is_not_listed() -> None:
    stranger = Caller("bot", "acme", "ann", "ann", frozenset(), frozenset())
    elsewhere = Caller("bot", "globex", "ann", "ann", frozenset({"Support"}), frozenset({"Support"}))
    for caller in (stranger, elsewhere):
        assert [t.name for t in tools_for(library(), caller)] == ["get_action", "find_receipts"]


@pytest.mark.parametrize("template", ["everything", "library", "accounting-sync"])
def test_36_tools_cost_11000_tokens_at_most(template: str) -> None:
    tools = tools_of({connection.system for connection in TEMPLATES[template].connections.values()})
    assert sum(map(tokens, tools)) <= BUDGET * max(36, len(tools)), len(tools)


def test_the_largest_entries_are_bounded() -> None:
    large = {tool.name: tokens(tool) for tool in library_tools() if tokens(tool) > 2 * BUDGET}
    # the form of a plan, and the whole form of a result, once
    assert set(large) == {"run_plan", "get_action"}
    assert max(large.values()) < 850, large


def test_one_tool_has_the_whole_form_of_a_result_and_the_others_their_outputs() -> None:
    schemas: dict[str, Any] = {tool.name: tool.output_schema for tool in library_tools()}
    assert schemas["get_action"] == OUTPUT_SCHEMA
    reset = schemas["reset_user_mfa"]["properties"]
    assert reset == {"outputs": {"type": "object", "properties": {"factors_removed": {"type": "integer"}}}}
    found = schemas["find_user"]["properties"]["data"]["properties"]["users"]
    assert set(found["items"]["properties"]) == {"user_id", "email", "name", "status"}
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object", name
        assert schema["required"] == OUTPUT_SCHEMA["required"], name


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_of_every_status_is_of_the_form_that_its_tool_publishes(name: str) -> None:
    document = RESULTS[name].document()
    kinds = ("run_plan",) if name.startswith("plan_") else ("find_user",) if name == "confirmed_read" else ()
    schemas = {tool.name: tool.output_schema for tool in library_tools()}
    for tool in kinds or ("reset_user_mfa",):
        jsonschema.validate(document, schemas[tool])
    jsonschema.validate(document, schemas["get_action"])
