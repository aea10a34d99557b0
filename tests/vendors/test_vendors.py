"""The check against vendors' descriptions finds what is wrong: each planted mistake, in a small description."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.compiler.catalog import load_catalog
from tests.vendors.check import Report, compared, with_plans
from tests.vendors.description import Description, Sent
from tests.vendors.scopes import Scopes
from tests.vendors.system import Allowed, System
from tests.vendors.systems import systems
from tests.world import ROOT

RECORDS = ROOT / "tests" / "vectors" / "records"
EXAMPLES = {
    "get_record": {"record": "r1"},
    "set_value": {"record": "r1", "value": "new"},
    "add_event_keyed": {"record": "r1", "name": "begun"},
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_EVENT = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
}
_RECORD = {
    "type": "object",
    "required": ["id", "version", "value"],
    "properties": {
        "id": {"type": "string"},
        "version": {"type": "string"},
        "value": {"type": "string"},
        "events": {"type": "array", "items": _EVENT},
    },
}


def _answer(schema: Any) -> Any:
    return {"description": "", "content": {"application/json": {"schema": schema}}}


def _takes(**properties: Any) -> Any:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def description() -> dict[str, Any]:
    """What the vendor of the plain REST store would publish."""
    no = {status: _answer(_ERROR) for status in ("401", "403", "404", "429")}
    record = {"name": "record", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z0-9]+$"}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "records", "version": "1"},
        "servers": [{"url": "https://records.example"}],
        "paths": {
            "/records/{record}": {
                "parameters": [record],
                "get": {"responses": {"200": _answer(_RECORD), **no}},
                "put": {
                    "requestBody": _takes(value={"type": "string"}),
                    "responses": {"200": _answer(_RECORD), "412": _answer(_ERROR), **no},
                },
                "delete": {"responses": {"204": {"description": ""}, **no}},
            },
            "/records/{record}/events": {
                "parameters": [record],
                "post": {
                    "requestBody": _takes(name={"type": "string"}),
                    "responses": {"200": _answer(_EVENT), "201": _answer(_EVENT), **no},
                },
            },
        },
    }


async def report(
    folder: Path, spec: dict[str, Any], old: str = "", new: str = "", allowed: tuple[Allowed, ...] = ()
) -> Report:
    """The report on three contracts, with one text in them replaced."""
    for name in EXAMPLES:
        text = (RECORDS / f"{name}.yaml").read_text()
        (folder / f"{name}.yaml").write_text(text.replace(old, new) if old else text)
    if old:
        assert any(new in (folder / f"{name}.yaml").read_text() for name in EXAMPLES)
    known = {"records": System("records", (), EXAMPLES, allowed)}
    return await compared(known, {"records": (Description(copy.deepcopy(spec)),)}, load_catalog(folder).programs, {})


async def test_what_is_right_has_no_mismatch(tmp_path: Path) -> None:
    found = await report(tmp_path, description())
    assert found.mismatches == []
    assert found.contracts == 3


PLANTED_IN_CONTRACTS = {
    "wrong path": ("put: \"/records/${inputs.record}\"", "put: \"/record/${inputs.record}\"", "no such operation"),
    "wrong method": ("execute:\n  - http: {put:", "execute:\n  - http: {patch:", "no such operation"),
    "unknown query parameter": (
        'observe: {record: {get: "/records/${inputs.record}"}}',
        'observe: {record: {get: "/records/${inputs.record}", query: {depth: all}}}',
        "no query parameter `depth`",
    ),
    "missing field of the body": ("json: {value: \"${inputs.value}\"}", "json: {worth: \"${inputs.value}\"}", "'value' is a required property"),
    "unknown field of the body": (
        "json: {value: \"${inputs.value}\"}",
        "json: {value: \"${inputs.value}\", note: x}",
        "the description has no field `note`",
    ),
    "wrong type in the body": ("json: {name: \"${inputs.name}\"}", "json: {name: 7}", "7 is not of type 'string'"),
    "wrong kind of body": ("json: {name: \"${inputs.name}\"}", "form: {name: \"${inputs.name}\"}", "takes no body of type"),
    "unknown status": ("ok: response.status == 200", "ok: response.status in [200, 202]", "names the status 202"),
    "unknown field of an answer": ("after.record.value == inputs.value", "after.record.worth == inputs.value", "no field `after.record.worth`"),
    "unknown field of an element": ("e.name == inputs.name", "e.title == inputs.name", "no field `e.title`"),
    "unknown field of a refusal": (
        "ok: response.status in [200, 201]",
        "ok: response.status in [200, 201]\n    declined: response.status == 404 && response.body.reason == 'gone'",
        "no field `response.body.reason`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED_IN_CONTRACTS)
async def test_a_planted_mistake_of_a_contract_is_found(tmp_path: Path, name: str) -> None:
    old, new, words = PLANTED_IN_CONTRACTS[name]
    found = await report(tmp_path, description(), old, new)
    assert any(words in line for line in found.mismatches), found.mismatches


def _required_parameter(spec: Any) -> None:
    parameters = spec["paths"]["/records/{record}"]["get"].setdefault("parameters", [])
    parameters.append({"name": "view", "in": "query", "required": True, "schema": {"type": "string"}})


def _other_type(spec: Any) -> None:
    spec["paths"]["/records/{record}"]["get"]["responses"]["200"] = _answer(
        {**_RECORD, "properties": {**_RECORD["properties"], "version": {"type": "integer"}}}  # type: ignore[dict-item]
    )


def _more_required(spec: Any) -> None:
    spec["paths"]["/records/{record}"]["get"]["responses"]["200"] = _answer({**_RECORD, "required": ["etag"]})


def _fewer_fields(spec: Any) -> None:
    spec["paths"]["/records/{record}/events"]["post"]["responses"]["201"] = _answer(
        {"type": "object", "properties": {"id": {"type": "integer"}}}
    )


def _fewer_statuses(spec: Any) -> None:
    del spec["paths"]["/records/{record}"]["get"]["responses"]["404"]


def _other_pattern(spec: Any) -> None:
    spec["paths"]["/records/{record}"]["parameters"][0]["schema"] = {"type": "string", "pattern": "^[0-9]+$"}


def _fewer_operations(spec: Any) -> None:
    del spec["paths"]["/records/{record}"]["delete"]  # which no contract here uses


PLANTED_IN_TWINS: dict[str, tuple[Callable[[Any], None], str]] = {
    "a parameter that is required is missing": (_required_parameter, "Missing required query parameter: view"),
    "a parameter has another form": (_other_pattern, "'r1' does not match '^[0-9]+$'"),
    "a field has another type": (_other_type, "'1' is not of type 'integer'"),
    "a field is missing": (_more_required, "'etag' is a required property"),
    "a field is invented": (_fewer_fields, "the description has no field `name`"),
    "a status is invented": (_fewer_statuses, "Unknown response http status: 404"),
    "a route is invented": (_fewer_operations, "the twin: records DELETE /records/{record}: the description has no"),
}


@pytest.mark.parametrize("name", PLANTED_IN_TWINS)
async def test_a_difference_between_twin_and_description_is_found(tmp_path: Path, name: str) -> None:
    change, words = PLANTED_IN_TWINS[name]
    spec = description()
    change(spec)
    found = await report(tmp_path, spec)
    assert any(words in line for line in found.mismatches), found.mismatches


async def test_an_allowed_difference_must_occur(tmp_path: Path) -> None:
    spec = description()
    _fewer_statuses(spec)
    allowed = (Allowed("answer 404: ResponseNotFound", "it names no 404", "https://records.example/errors"),)
    found = await report(tmp_path, spec, allowed=allowed)
    assert found.mismatches == []
    assert found.allowed == {allowed[0]: 3}
    found = await report(tmp_path, description(), allowed=allowed)
    assert found.mismatches == ["records: the allowed difference `answer 404: ResponseNotFound` does not occur"]
    of_a_part = (replace(allowed[0], of_a_part=True),)
    assert (await report(tmp_path, description(), allowed=of_a_part)).mismatches == []


@pytest.mark.parametrize(("version", "fits"), [("1", True), ("1.4.2", True), ("11", False), ("2.1", False)])
async def test_a_contract_names_the_version_that_it_was_checked_against(
    tmp_path: Path, version: str, fits: bool
) -> None:
    spec = {**description(), "info": {"title": "records", "version": version}}
    found = await report(tmp_path, spec, "the sandbox's records", "description records 1")
    told = [f"{name}: `verified_against` names no version of these ({version})" for name in EXAMPLES]
    assert sorted(found.mismatches) == ([] if fits else sorted(told))


async def test_what_is_said_to_be_described_must_be(tmp_path: Path) -> None:
    spec = description()
    del spec["paths"]["/records/{record}/events"]
    allowed = (
        Allowed("events: the description has no such operation$", "it has no events", "https://records.example/events"),
    )
    assert (await report(tmp_path, spec, allowed=allowed)).mismatches == []
    said = ("verified_against: the sandbox's records", "verified_against: description records 1")
    found = await report(tmp_path, spec, *said, allowed=allowed)
    assert any(line.endswith("the description has no such operation") for line in found.mismatches)


async def test_a_contract_without_an_example_and_one_that_its_twin_refuses_are_told(tmp_path: Path) -> None:
    for name in ("get_record", "set_value"):
        shutil.copy(RECORDS / f"{name}.yaml", tmp_path)
    known = {"records": System("records", (), {"set_value": {"record": "r2", "value": "new"}, "old": {}})}
    found = await compared(known, {"records": (Description(description()),)}, load_catalog(tmp_path).programs, {})
    assert "get_record: there is no example for it in `tests/vendors/systems/records.py`" in found.mismatches
    assert "set_value: the read `record` finds nothing" in found.mismatches
    assert "records: there is no contract `old`, but an example for it" in found.mismatches


PLAN = """
plan: change_record
version: 1
title: Change a record
summary: Change one record.
use_when: a test needs it
inputs: {record: {type: string, pattern: "^[a-z0-9]{1,20}$", description: "Record id."}}
steps: [{id: set, contract: set_value, inputs: {record: "${inputs.record}", value: new}}]
observe: {record: {get: "/records/${inputs.record}"}}
expect: [{that: "after.record.value == 'new'", else: "the record has another value"}]
on_failure: stop
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("PLAN", "PLAN", ""),
        ("/records/", "/record/", "GET /record/r1: the description has no such operation"),
        ("after.record.value", "after.record.worth", "the description has no field `after.record.worth`"),
        ("plan: change_record", "plan: change_it", "there is no example for it"),
    ],
)
async def test_what_a_plan_reads_by_itself_is_checked_too(tmp_path: Path, old: str, new: str, words: str) -> None:
    shutil.copy(RECORDS / "set_value.yaml", tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN.replace(old, new).lstrip())
    known = {"records": System("records", (), {}, plans={"change_record": {"record": "r1"}})}
    found = await with_plans(Report(), known, {"records": (Description(description()),)}, load_catalog(tmp_path).plans)
    assert bool(found.mismatches) is bool(words), found.mismatches
    assert any(words in line for line in found.mismatches) is bool(words), found.mismatches


async def test_scopes_that_a_recipe_lacks_and_that_nothing_takes_are_told(tmp_path: Path) -> None:
    spec = description()
    of = {"get": ["records.read"], "put": ["records.write"]}
    for method, scopes in of.items():
        spec["paths"]["/records/{record}"][method]["security"] = [{"key": []}, {"oauth2": scopes}, {"oauth2": ["all"]}]
    for name in EXAMPLES:
        shutil.copy(RECORDS / f"{name}.yaml", tmp_path)
    programs, known = load_catalog(tmp_path).programs, {"records": System("records", (), EXAMPLES)}
    for read, write, words in (
        ({"records.read"}, {"records.write"}, []),
        ({"all"}, {"records.write"}, []),
        (set(), {"records.write"}, ["`read_scopes` lack all or records.read"] * 3),
        ({"records.read"}, {"records.read"}, ["`write_scopes` lack all or records.write", "takes `records.read` of"]),
    ):
        recipe = Scopes({"read": frozenset(read), "write": frozenset(write)})
        found = await compared(known, {"records": (Description(copy.deepcopy(spec)),)}, programs, {"records": recipe})
        assert len(found.mismatches) == len(words), found.mismatches
        assert all(word in line for word, line in zip(words, found.mismatches, strict=True))


def test_forms_of_swagger_2_are_read() -> None:
    spec = {
        "swagger": "2.0",
        "info": {"title": "chat", "version": "1"},
        "host": "chat.example",
        "basePath": "/api",
        "definitions": {"Yes": {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}},
        "paths": {
            "/chat.post": {
                "post": {
                    "consumes": ["application/x-www-form-urlencoded"],
                    "parameters": [
                        {"name": "channel", "in": "formData", "type": "string", "required": True},
                        {"name": "thread", "in": "query", "type": "integer"},
                    ],
                    "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Yes"}}},
                }
            }
        },
    }
    chat = Description(spec)
    form = {"content-type": "application/x-www-form-urlencoded"}
    good = Sent("POST", "/api/chat.post", (("thread", "7"),), form, b"channel=c1")
    assert list(chat.request_faults(good)) == []
    bad = Sent("POST", "/api/chat.post", (("thread", "x"),), form, b"text=hello")
    faults = " ".join(chat.request_faults(bad))
    assert "'channel' is a required property" in faults
    assert "Query parameter error: thread" in faults
    kinds = {"content-type": "application/json"}
    assert list(chat.answer_faults(good, 200, kinds, b'{"ok": true}')) == []
    assert any("required property" in f for f in chat.answer_faults(good, 200, kinds, b"{}"))


def test_every_allowed_difference_says_why_and_where() -> None:
    for system in systems().values():
        for allowed in system.allowed:
            assert allowed.page.startswith("https://")
            assert len(allowed.why) > 20
