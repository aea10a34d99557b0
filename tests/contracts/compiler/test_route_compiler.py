"""Routes: each way is compiled with the tests of its answer, and what is sent is known by its expressions."""

from typing import Any

import pytest

from contracts.compiler.phase_names import PhaseNames
from contracts.compiler.route_compiler import RouteCompiler, route_expressions
from contracts.compiler.route_program import HttpProgram, McpProgram, RouteProgram
from contracts.compiler.text_compiler import TextCompiler
from contracts.schema.idempotency_key import IdempotencyKey
from contracts.schema.route import Route
from tests.contracts.making import contract, flows, program, refused

PIN = "c" * 64


def compiled(index: int = 0, **route: Any) -> RouteProgram:
    names = PhaseNames.of(contract(), ("record",))
    return RouteCompiler(TextCompiler(flows()), names, "records").compile(index, Route.model_validate(route))


def http(**more: Any) -> HttpProgram:
    made = compiled(http={"post": "/a", **more}, ok="response.status == 200")
    assert isinstance(made, HttpProgram)
    return made


def test_an_http_route_has_all_that_was_written() -> None:
    made = http(
        query={"a": ["${inputs.record}", "x"]},
        headers={"X-A": "${inputs.value}"},
        json={"b": "${before.record.n}"},
        timeout="3s",
        idempotency_key="Key",
        if_match="${before.record.version}",
    )
    assert (made.method, made.path.source, made.timeout_ms) == ("POST", "/a", 3000)
    assert [(name, t.source) for name, t in made.query] == [("a", "${inputs.record}"), ("a", "x")]
    assert [name for name, _ in made.headers] == ["X-A"]
    assert made.body is not None
    assert made.if_match is not None
    assert (made.key, made.form) == (IdempotencyKey(header="Key"), None)
    assert http(form={"a": "b"}).form is not None
    # an empty form is a form, and no body is none
    assert http(form={}).form == ()
    assert http().body is None


def test_what_is_sent_is_known_by_its_expressions() -> None:
    made = http(
        query={"a": "${inputs.record}"},
        headers={"X-A": "${before.record.a}"},
        json={"b": ["${before.record.b}"]},
        if_match="${before.record.c}",
    )
    texts = [expression.text for expression in route_expressions(made)]
    assert texts == ["inputs.record", "before.record.a", "before.record.c", "before.record.b"]
    form = http(form={"a": "${before.record.d}"})
    assert [expression.text for expression in route_expressions(form)] == ["before.record.d"]
    call = compiled(mcp={"tool": "t", "definition": PIN, "arguments": {"a": "${before.record.e}"}})
    assert [expression.text for expression in route_expressions(call)] == ["before.record.e"]
    pages = compiled(browser={"flow": "press"})
    assert "inputs.value" in {expression.text for expression in route_expressions(pages)}


def test_the_answer_of_a_tool_is_ok_where_it_is_no_error() -> None:
    made = compiled(mcp={"tool": "t", "definition": PIN})
    assert isinstance(made, McpProgram)
    assert made.ok.holds({"response.body": {"is_error": False}})
    assert not made.ok.holds({"response.body": {"is_error": True}})
    assert not made.ok.holds({"response.body": {}})
    assert (made.declined, made.no_effect) == (None, None)


@pytest.mark.parametrize("key", ["ok", "declined", "no_effect"])
def test_an_answer_is_judged_before_anything_is_read_again(key: str) -> None:
    route = {"http": {"post": "/a"}, "ok": "true", key: "after.record.x == 1"}
    with refused(f"execute.2.{key}", "does not compile", "bad_expression"):
        compiled(2, **route)
    tests = {"ok": "response.status == 200", "declined": "response.status == 409", "no_effect": "before.record.x == 1"}
    made = compiled(http={"post": "/a"}, **tests)
    assert isinstance(made, HttpProgram)
    assert [e.text if e else None for e in (made.ok, made.declined, made.no_effect)] == list(tests.values())


@pytest.mark.parametrize(
    ("route", "field", "code"),
    [
        ({"http": {"post": "/../a"}, "ok": "true"}, "execute.1.http", "bad_contract"),
        ({"http": {"post": "/a", "headers": {"COOKIE": "x"}}, "ok": "true"}, "execute.1", "bad_contract"),
        ({"http": {"post": "/a", "json": {"a": "${x}"}}, "ok": "true"}, "execute.1.http.json", "bad_expression"),
        ({"http": {"post": "/a", "form": {"a": "x${inputs.record}"}}, "ok": "true"}, "execute.1.http.form.a", "bad_expression"),
        ({"browser": {"flow": "look"}}, "execute.1.browser", "bad_contract"),
        ({"python": {"operation": "o", "arguments": {"a": "x ${inputs.record}"}}, "ok": "true"}, "execute.1.python.arguments", "bad_expression"),
    ],
)  # fmt: skip
def test_a_fault_names_its_key(route: dict[str, Any], field: str, code: str) -> None:
    with refused(field, "", code):
        compiled(1, **route)


def test_an_old_version_needs_a_version_that_was_read() -> None:
    http, said = (
        {"put": "/records/${inputs.record}"},
        {"ok": "response.status == 200", "stale": "response.status == 409"},
    )
    with refused("execute.0.stale", "nothing that was read is sent"):
        program(execute=[{"http": http, **said}])
    body = {"value": "${inputs.value}", "SyncToken": "${before.record.version}"}
    assert program(execute=[{"http": {**http, "json": body}, **said}]).repeats(0)
