"""Schemas of a description: references stay inside, and what holds itself is cut."""

from pathlib import Path
from typing import Any

import pytest

from contracts.drafts.draft_inputs import MAX_NESTING
from contracts.drafts.input_schema import CUT
from contracts.drafts.openapi_schema import Schemas
from contracts.errors import AilyusError
from tests.contracts.drafts.making import (
    act,
    body,
    left,
    load,
    whole,
)


@pytest.mark.parametrize("reference", ["https://evil.example/x.json#/a", "other.yaml#/a", "file:///etc/passwd"])
def test_no_reference_leads_out(tmp_path: Path, reference: str) -> None:
    body = {"content": {"application/json": {"schema": {"$ref": reference}}}}
    description = load(tmp_path, whole(post={"operationId": "make", "requestBody": body}))
    with pytest.raises(AilyusError, match="leads out"):
        description.draft("make", "", "t", {})


def test_a_reference_to_itself_ends(tmp_path: Path) -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/components/n"}, "name": {"type": "string"}}}
    loop = {"$ref": "#/components/loop"}
    body = {"content": {"application/json": {"schema": {"allOf": [{"$ref": "#/components/n"}, loop]}}}}
    content = {
        **whole(post={"operationId": "make", "requestBody": body}),
        "components": {"n": node, "loop": loop},
    }
    assert "name" in load(tmp_path, content).draft("make", "", "t", {}).inputs


def test_no_shape_is_guessed_and_cycles_are_cut(tmp_path: Path) -> None:
    choice = {"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object"}]}
    assert list(left(act(tmp_path, requestBody=body("application/json", choice)))) == ["execute.0.http.json"]
    loop = {
        "allOf": [{"$ref": "#/components/schemas/n"}, {"type": "object", "properties": {"name": {"type": "string"}}}]
    }
    draft = act(
        tmp_path,
        requestBody=body("application/json", {"$ref": "#/components/schemas/n"}),
        extra={"components": {"schemas": {"n": loop}}},
    )
    assert "name" in draft.inputs
    assert any("refers to itself" in note for note in draft.notes)
    shape = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "meta": {"type": "object"}, "rate": {"type": "number"}},
    }
    assert "meta, rate" in left(act(tmp_path, requestBody=body("application/json", shape)))["execute.0.http.json.TODO"]
    assert not left(act(tmp_path, without=("*",), requestBody=body("application/json", shape)))


def solved(part: dict[str, Any], **components: Any) -> tuple[dict[str, Any], bool]:
    schemas = Schemas({"components": components})
    return schemas.solved(part), schemas.circular


def test_references_are_followed_and_escaped_names_are_read_once() -> None:
    names = {"a/b": {"type": "string"}, "a~1b": {"type": "integer"}}
    assert solved({"$ref": "#/components/x/a~1b"}, x=names)[0] == {"type": "string"}
    assert solved({"$ref": "#/components/x/a~01b"}, x=names)[0] == {"type": "integer"}
    chain = {f"n{i}": {"$ref": f"#/components/n{i + 1}"} for i in range(20)} | {"n20": {"type": "boolean"}}
    assert solved({"$ref": "#/components/n0"}, **chain)[0] == {"type": "boolean"}
    with pytest.raises(AilyusError, match="leads nowhere"):
        solved({"$ref": "#/components/nobody"})


def test_what_all_of_joins_is_one() -> None:
    one = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    other = {"required": ["c"], "properties": {"b": {"type": "integer"}, "c": {"type": "string"}}}
    made, _ = solved({"allOf": [one, other]})
    assert made["properties"]["b"] == {"type": "integer"} or made["properties"]["b"] == {"type": "string"}
    assert set(made["properties"]) == {"a", "b", "c"}
    assert set(made["required"]) == {"a", "c"}
    # what stands beside it counts last
    assert solved({"allOf": [{"type": "string", "title": "x"}], "title": "y"})[0] == {"type": "string", "title": "y"}


def test_one_real_choice_beside_null_is_none() -> None:
    assert solved({"anyOf": [{"type": "null"}, {"type": "string"}]})[0] == {"type": "string"}
    both = solved({"oneOf": [{"type": "null"}, {"type": "string"}, {"type": "integer"}]})[0]
    assert both == {"oneOf": [{"type": "string"}, {"type": "integer"}]}


def test_what_the_other_side_sets_itself_is_nothing_to_send() -> None:
    shape = {"type": "object", "properties": {"id": {"type": "string", "readOnly": True}, "name": {"type": "string"}}}
    assert set(solved(shape)[0]["properties"]) == {"name"}


def test_what_is_deeper_than_anybody_reads_is_cut() -> None:
    shape: dict[str, Any] = {"type": "string"}
    for _ in range(MAX_NESTING + 1):
        shape = {"type": "object", "required": ["a"], "properties": {"a": shape}}
    made, _ = solved(shape)
    depth = 0
    while CUT not in made:
        made, depth = made["properties"]["a"], depth + 1
    assert depth == MAX_NESTING
