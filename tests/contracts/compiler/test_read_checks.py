"""Reads: they show the resource, nothing that arrives late chooses them, and they prove what matters much."""

from typing import Any

import pytest

from tests.contracts.making import SECRET, WRITE, program, refused

MCP = {"mcp": {"tool": "set", "definition": "c" * 64}}
SEEN = {"mcp": {"tool": "get", "definition": "d" * 64, "arguments": {"id": "${inputs.record}"}}}
BY_TOOL: dict[str, Any] = {"execute": [MCP], "evidence": {"mcp": ["before", "after"]}, "observe": {"record": SEEN}}


def inputs(**record: Any) -> dict[str, Any]:
    return {**WRITE["inputs"], "record": {"type": "string", "description": "D.", **record}}


@pytest.mark.parametrize("risk", ["high", "critical"])
def test_what_matters_much_is_not_proved_by_the_servers_own_word(risk: str) -> None:
    with refused("expect", f"at risk {risk} it is read back through the server that acted"):
        program(**BY_TOOL, risk=risk)
    assert program(**BY_TOOL, risk="medium")
    assert program(**BY_TOOL, risk=risk, same_channel="the list is compared every night")
    assert program(**{**BY_TOOL, "observe": {"record": {**SEEN, "target": "other"}}}, risk=risk)
    assert program(risk=risk, **{**BY_TOOL, "observe": WRITE["observe"]})


def test_a_read_that_proves_nothing_is_no_other_witness() -> None:
    observe = {"record": SEEN, "page": {"get": "/pages/${inputs.record}"}}
    with refused("expect", "read back through the server that acted"):
        program(**{**BY_TOOL, "observe": observe}, risk="high")
    expect = [{"that": "after.record.value == after.page.value", "else": "they differ"}]
    assert program(**{**BY_TOOL, "observe": observe, "expect": expect}, risk="high")


@pytest.mark.parametrize(
    "observe",
    [
        {"get": "/records/${inputs.record}"},
        {"get": "/records", "query": {"id": ["x", "${inputs.record}"]}},
        {"get": "/records", "headers": {"X-Id": "${inputs.record}"}},
        {"post": "/records", "json": {"ids": ["${inputs.record}"]}},
        {"post": "/records", "form": {"id": "${inputs.record}"}},
        {"mcp": {"tool": "t", "definition": "d" * 64, "arguments": {"id": "${inputs.record}"}}},
        {"python": {"operation": "o", "arguments": {"id": "${inputs.record}"}}},
        {"browser": "look"},
    ],
)
def test_the_resource_is_what_a_read_asks_for(observe: dict[str, Any]) -> None:
    assert program(observe={"record": observe})
    # what chooses a read may not arrive after people approved
    with refused("inputs.record", "a late or secret input chooses the resource or a read"):
        program(observe={"record": observe}, inputs=inputs(late={"max": 3}), resource={"type": "Record", "id": "x"})


def test_a_record_that_nobody_asked_for_may_be_anybodys() -> None:
    observe = {"record": {"get": "/records/${inputs.value}"}}
    plain = {**WRITE["inputs"], "value": {"type": "string", "description": "D."}}
    with refused("resource.id", "no read shows that `record` is the resource"):
        program(observe=observe, inputs=plain)
    shown = {"type": "Record", "id": "${inputs.record}", "shown": "${before.record.id}"}
    assert program(observe=observe, inputs=plain, resource=shown)


@pytest.mark.parametrize(
    "resource",
    [
        {"id": "${inputs.value}", "shown": "${before.record.id}"},
        {"id": "x", "label": "${inputs.value}"},
        {"id": "x", "attributes": {"vip": {"type": "String", "value": "${inputs.value}"}}},
    ],
)
def test_what_arrives_late_chooses_nothing_that_is_decided_about(resource: dict[str, Any]) -> None:
    with refused("inputs.value", "a late or secret input chooses the resource or a read"):
        program(resource={"type": "Record", **resource})


@pytest.mark.parametrize("words", [{"index": True}, {"default": "x"}, {"enum": ["x"]}])
def test_a_secret_can_be_found_by_nothing(words: dict[str, Any]) -> None:
    key = {"type": "secret", "description": "D.", **words}
    with refused("inputs.key", "a secret has no index, default or enum"):
        program(**{**SECRET, "inputs": {**WRITE["inputs"], "key": key}})
