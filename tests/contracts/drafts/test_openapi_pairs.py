"""Pairs of a query or a form: in the style that the description says."""

from pathlib import Path
from typing import Any

from contracts.drafts.draft import Draft
from contracts.drafts.draft_inputs import Inputs
from contracts.drafts.openapi_pairs import PairWriter, optional
from contracts.drafts.openapi_parameter import Parameter
from tests.contracts.drafts.making import (
    act,
    left,
    param,
    route,
)


def test_queries_in_the_style_that_is_said(tmp_path: Path) -> None:
    shape = {"type": "object", "properties": {"state": {"type": "string"}, "age": {"type": "number"}}}
    listed = {"type": "array", "items": {"type": "string"}}
    given = [
        param("filter", schema=shape, style="deepObject", explode=True),
        param("flat", schema={"type": "object", "properties": {"zone": {"type": "string"}}}),
        param("pipes", schema=listed, style="pipeDelimited", explode=False),
        param("commas", schema=listed, explode=False),
        param("many", schema=listed),
        param("json", content={"application/json": {"schema": shape}}),
    ]
    draft = act(tmp_path, parameters=given)
    query = route(draft)["query"]
    assert query["filter[state]"] == "${inputs.state}"
    assert query["zone"] == "${inputs.zone}"
    assert (query["pipes"], query["commas"], query["many"]) == (
        "${list.pipes(inputs.pipes)}",
        "${list.commas(inputs.commas)}",
        "${inputs.many}",
    )
    assert list(left(draft)) == ["execute.0.http.query.json"]


def written(
    style: str, explode: bool, schema: dict[str, Any], needed: bool = True, **fixed: Any
) -> tuple[dict[str, Any], PairWriter, Inputs]:
    inputs = Inputs(fixed)
    writer, kept = PairWriter(inputs, "path"), {}
    writer.write(kept, Parameter("p", "query", {}, schema, needed), style, explode)
    return kept, writer, inputs


def test_an_optional_parameter_that_no_input_can_hold_is_lost_by_its_name() -> None:
    kept, writer, _ = written("form", True, {"type": "object"}, needed=False)
    assert (kept, writer.lost) == ({}, {"query": ["p"]})
    kept, writer, _ = written("form", True, {"type": "object"})
    assert str(kept["p"]).startswith("TODO a value that no input can hold")
    assert writer.lost == {}


def test_an_item_that_holds_the_mark_of_its_list_is_no_item() -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    for style, mark in (("form", ","), ("spaceDelimited", " "), ("pipeDelimited", "|")):
        kept, _, inputs = written(style, False, schema)
        draft = Draft("a", "t", "x", "http", route={"http": {"query": kept}})
        inputs.fill(draft)
        assert draft.inputs["p"]["items"] == {"type": "string", "pattern": f"^[^{mark}]+$"}
        assert draft.route is not None
        assert "(inputs.p)}" in str(draft.route)


def test_what_is_fixed_stands_there_as_text() -> None:
    assert written("form", True, {"type": "object"}, p=[1, True])[0] == {"p": ["1", "true"]}
    deep = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    assert written("deepObject", True, deep, **{"p.b": 7})[0]["p[b]"] == "7"


def test_a_read_back_has_inputs_of_its_own() -> None:
    assert PairWriter(Inputs({}), "read").place("query", "p") == ("read", "p")
    assert PairWriter(Inputs({}), "path").place("query", "p") == ("query", "p")


def test_only_what_has_no_default_may_be_absent() -> None:
    plain: dict[str, Any] = {"type": "string"}
    preset: dict[str, Any] = {"type": "string", "default": "a"}
    needed: dict[str, Any] = {"type": "string"}
    optional(plain, False)
    optional(preset, False)
    optional(needed, True)
    assert [part.get("optional") for part in (plain, preset, needed)] == [True, None, None]
