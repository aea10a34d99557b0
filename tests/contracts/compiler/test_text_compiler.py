"""Texts of contracts: no value inside of another grammar, no proof by a missing field, no condition that is always so."""

from typing import Any

import pytest

from contracts.compiler.read_program import FlowRead, McpRead, PythonRead, Read
from contracts.compiler.text_compiler import TextCompiler, flat_pairs
from contracts.schema.contract import Condition
from contracts.schema.route import McpCall, Observe
from tests.contracts.making import LOGIN, LOOK, NAMES, flow, flows, refused

TEXTS = TextCompiler(flows())


def condition(that: str, **more: str) -> Condition:
    return Condition.model_validate({"that": that, "else": "no", **more})


def observe(**words: Any) -> Observe:
    return Observe.model_validate(words)


@pytest.mark.parametrize(
    ("where", "that"),
    [
        ("require", "!has(before.record.locked)"),
        ("require", "has(before.record.a) ? true : false"),
        ("require", "has(before.record.locked) == false"),
        ("expect", "has(before.record.locked)"),
        ("expect", "!(has(before.record.locked))"),
    ],
)
def test_nothing_is_concluded_from_a_field_that_is_not_there(where: str, that: str) -> None:
    with refused(f"{where}.1.that", "draws a conclusion from a field that is not there"):
        TEXTS.checks(where, [condition("before.record.a == 1"), condition(that)], NAMES)
    assert TEXTS.checks(where, [condition(that, absent="old ones have none")], NAMES)


def test_presence_may_be_required_and_a_text_about_it_is_no_question() -> None:
    assert TEXTS.checks("require", [condition("has(before.record.a) && before.record.a == 1")], NAMES)
    assert TEXTS.checks("expect", [condition("before.record.a == '!has(before.record.x)'")], NAMES)


@pytest.mark.parametrize("that", ["true", "1 == 1", "before.record.a == 1 || true", "false && before.record.a == 1"])
def test_a_condition_that_is_always_the_same_checks_nothing(that: str) -> None:
    with refused("expect.0.that", "checks nothing"):
        TEXTS.checks("expect", [condition(that)], NAMES)


def test_a_bare_value_stands_alone_or_in_a_typed_function() -> None:
    for good in ("${inputs.id}", "plain", "name eq ${scim.string(inputs.id)}", "${list.commas(inputs.tags)},x"):
        assert TEXTS.pairs("q", {"a": good}, NAMES)
    for bad in ("name eq '${inputs.id}'", "${inputs.id}${inputs.id}", "x${inputs.count}"):
        with refused("q.a", "puts a bare value into a text of another grammar", "bad_expression"):
            TEXTS.pairs("q", {"a": bad}, NAMES)
        call = McpCall.model_validate({"tool": "t", "definition": "c" * 64, "arguments": {"a": ["x", {"b": bad}]}})
        with refused("here", "puts a bare value into a text of another grammar", "bad_expression"):
            TEXTS.arguments("here", call, NAMES)


@pytest.mark.parametrize("name", ["Authorization", "HOST", "content-length", "Cookie", "Transfer-Encoding"])
def test_credentials_and_framing_are_no_headers_of_contracts(name: str) -> None:
    with refused("observe.x", f"the header `{name}` is not for contracts"):
        TEXTS.read("x", observe(get="/a", headers={"accept": "x", name: "y"}), "records", NAMES)


def test_each_way_to_read_is_compiled() -> None:
    mcp = {"tool": "t", "definition": "c" * 64, "arguments": {"a": "${inputs.id}"}}
    made = [
        TEXTS.read("x", observe(get="/a/${inputs.id}", query={"a": ["1", "2"]}), "records", NAMES),
        TEXTS.read("x", observe(post="/a", json={"b": "${inputs.id}"}, target="other"), "records", NAMES),
        TEXTS.read("x", observe(mcp=mcp), "records", NAMES),
        TEXTS.read("x", observe(python={"operation": "o"}, may_be_absent=True), "records", NAMES),
    ]
    assert [type(read) for read in made] == [Read, Read, McpRead, PythonRead]
    assert [read.target for read in made] == ["records", "other", "records", "records"]
    get, post, _, python = made
    assert isinstance(get, Read)
    assert isinstance(post, Read)
    assert (get.method, len(get.query), get.body, post.method) == ("GET", 2, None, "POST")
    assert post.body is not None
    assert python.may_be_absent


def test_a_flow_is_of_its_system_and_of_the_kind_that_is_asked_for() -> None:
    named = dict(NAMES.types) | {"inputs.record": "string", "inputs.value": "string"}
    names = type(NAMES).of(named)  # type: ignore[arg-type]  # types of names, widened by the union
    read = TEXTS.read("x", observe(browser="look"), "records", names)
    assert isinstance(read, FlowRead)
    with refused("here", "there is no flow `press` that is a read"):
        TEXTS.flow("here", "press", "read", "records", names)
    with refused("here", "there is no flow `nobody` that is a read"):
        TEXTS.flow("here", "nobody", "read", "records", names)
    with refused("here", "the flow `look` is for `records`, not `other`"):
        TEXTS.flow("here", "look", "read", "other", names)
    with refused("here: look.steps.0", "does not compile", "bad_expression"):
        TEXTS.flow("here", "look", "read", "records", NAMES)


def test_the_flow_that_signs_in_is_part_of_the_digest_and_knows_only_the_login() -> None:
    names = type(NAMES).of({"inputs.record": "string"})
    known = flows(flow(LOOK, login="enter"))
    one = TextCompiler(known).flow("here", "look", "read", "records", names)
    assert one.login is not None
    other_login = flow(LOGIN, account={"role": "heading"})
    other = TextCompiler({**known, "enter": other_login}).flow("here", "look", "read", "records", names)
    assert one.digest != other.digest
    curious = [{"goto": "/login/${inputs.record}"}, *LOGIN["steps"][1:]]
    with refused("here: enter.steps.0", "does not compile", "bad_expression"):
        TextCompiler({**known, "enter": flow(LOGIN, steps=curious)}).flow("here", "look", "read", "records", names)


def test_a_list_repeats_its_name() -> None:
    assert list(flat_pairs({"a": "1", "b": ("2", "3"), "c": ()})) == [("a", "1"), ("b", "2"), ("b", "3")]
