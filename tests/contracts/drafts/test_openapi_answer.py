"""What a description says of answers is told to whoever fills the draft, and decides nothing."""

from pathlib import Path
from typing import Any

from contracts.compiler.catalog import load_catalog
from tests.contracts.drafts.making import SAID, described, load


def answered(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"content": {"application/json": {"schema": schema}}}}


USER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "state": {"$ref": "#/components/schemas/State"},
        "x": {},
    },
}
STATE = {"components": {"schemas": {"State": {"type": "string", "enum": ["on", "off"]}}}}


def test_documented_refusals_are_named_and_none_is_declined_unasked(tmp_path: Path) -> None:
    answers = {code: {} for code in ("200", "400", "401", "404", "409", "429", "default")}
    draft = described(tmp_path, "/x", responses=answers).draft("act", "look", "d", {})
    (note,) = draft.notes
    assert note.startswith("the description documents 404, 409 too: add to `declined`")
    assert draft.route is not None
    assert draft.route["declined"] == "response.status in [400, 422]"


def test_a_read_names_the_fields_that_its_answer_documents(tmp_path: Path) -> None:
    for schema in (USER, {"type": "array", "items": USER}):
        draft = described(tmp_path, "/x", "get", STATE, responses=answered(schema)).draft("act", "", "d", {})
        assert draft.notes == [
            "name under `outputs` what agents need; the answer documents id (string), state (string), x"
        ]
        assert draft.outputs == {"answer": "${before.answer}"}
        (tmp_path / "c").mkdir(exist_ok=True)
        (tmp_path / "c" / "act.yaml").write_text(draft.text(SAID))
        assert "act" in load_catalog(tmp_path / "c").programs
    many = {"type": "object", "properties": {f"f{n}": {"type": "string"} for n in range(14)}}
    draft = described(tmp_path, "/x", "get", responses=answered(many)).draft("act", "", "d", {})
    assert draft.notes[0].endswith("f11 (string) and 2 more")


def test_an_answer_that_says_nothing_stops_no_draft(tmp_path: Path) -> None:
    for schema in ({}, {"$ref": "#/nowhere"}, {"$ref": "https://elsewhere.example/x"}, {"type": "string"}):
        assert described(tmp_path, "/x", "get", responses=answered(schema)).draft("act", "", "d", {}).notes == []
    old = {"swagger": "2.0", "info": {}, "paths": {"/x": {"get": {"responses": {"200": {"schema": USER}}}}}}
    assert (
        "id (string)" in load(tmp_path, old | {"components": STATE["components"]}).draft("GET /x", "", "d", {}).notes[0]
    )
