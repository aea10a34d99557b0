"""The published schema of a result: of our model, without references, and closed where the model is."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from receipts.action.status import STATUSES
from server.results.output_schema import OUTPUT_SCHEMA
from tests.server.results.statuses import RESULTS


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    if isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_a_client_that_follows_no_references_understands_it() -> None:
    assert not [
        n for n in nodes(OUTPUT_SCHEMA) if {"$ref", "$defs", "anyOf", "title", "default"} & set(n) - {"properties"}
    ]


def test_every_status_is_one_of_it_and_nothing_else() -> None:
    properties: Any = OUTPUT_SCHEMA["properties"]
    assert set(properties["status"]["enum"]) == set(STATUSES)


@pytest.mark.parametrize("name", ["action_id", "receipt_id", "changed", "escalated_to"])
def test_what_may_be_unknown_may_be_null(name: str) -> None:
    properties: Any = OUTPUT_SCHEMA["properties"]
    assert "null" in properties[name]["type"]
    jsonschema.validate(RESULTS["invalid"].document() | {name: None}, OUTPUT_SCHEMA)


@pytest.mark.parametrize("name", ["approval", "progress", "steps", "would", "outputs", "error"])
def test_what_is_not_said_is_left_out_and_never_null(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RESULTS["confirmed"].document() | {name: None}, OUTPUT_SCHEMA)


def test_values_from_outside_may_be_anything() -> None:
    jsonschema.validate(RESULTS["confirmed"].document() | {"data": {"a": [1, None, {"b": "c"}]}}, OUTPUT_SCHEMA)
