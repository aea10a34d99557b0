"""Small contracts, flows and plans for tests, each changed where a test needs it; a part that is None is left out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from contracts.compiler.compile import compile_contract
from contracts.compiler.expressions import Names
from contracts.compiler.plan_compiler import compile_plan
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.contract import Contract, System
from contracts.schema.flow import Flow
from contracts.schema.plan import Plan

NAMES = Names.of({"inputs.id": "string", "inputs.count": "int", "inputs.tags": "list", "before.record": "dyn"})
_SAID: Mapping[str, Any] = {
    "version": 1,
    "title": "Set a value",
    "summary": "Set the value of one record.",
    "use_when": "a test needs it",
    "verified_against": "nothing",
    "target": "records",
}
WRITE: Mapping[str, Any] = {
    **_SAID,
    "contract": "set_value",
    "kind": "write",
    "risk": "low",
    "inputs": {
        "record": {"type": "string", "description": "The record."},
        "value": {"type": "string", "description": "The new value.", "optional": True, "late": {"pattern": "^[a-z]+$"}},
    },
    "observe": {"record": {"get": "/records/${inputs.record}"}},
    "resource": {"type": "Record", "id": "${inputs.record}"},
    "says": "Set ${inputs.record}",
    "execute": [
        {
            "http": {"put": "/records/${inputs.record}", "json": {"value": "${inputs.value}"}},
            "ok": "response.status == 200",
        }
    ],
    "detect": "state",
    "expect": [{"that": "after.record.value == inputs.value", "else": "the record has another value"}],
    "evidence": {"http": ["before", "after"]},
    "outputs": {"was": "${before.record.value}"},
}
READ: Mapping[str, Any] = {
    **_SAID,
    "contract": "get_record",
    "kind": "read",
    "risk": "low",
    "inputs": {"record": {"type": "string", "description": "The record."}},
    "observe": {"record": {"get": "/records/${inputs.record}"}},
    "resource": {"type": "Record", "id": "${inputs.record}"},
    "outputs": {"value": "${before.record.value}"},
}
EXPECT = [{"that": "after.record.version != before.record.version", "else": "the record is as it was"}]
"""An expectation that needs no input."""
PAGES: Mapping[str, Any] = {
    "flow": "press",
    "version": 1,
    "title": "Press a button",
    "verified_against": "nothing",
    "target": "records",
    "kind": "write",
    "steps": [
        {"goto": "/records/${inputs.record}", "query": {"tab": "${inputs.value}"}},
        {"identity": {"role": "heading"}, "is": "${inputs.record}"},
        {"fill": {"label": "Value"}, "with": "${inputs.value}"},
        {"click": {"role": "button", "name": "Save"}, "commit": {"post": "/records/${inputs.record}"}},
        {"expect": {"text": "${inputs.value} is saved"}},
    ],
}
LOOK: Mapping[str, Any] = {
    **PAGES,
    "flow": "look",
    "kind": "read",
    "steps": [
        {"goto": "/records/${inputs.record}"},
        {"identity": {"role": "heading"}, "is": "${inputs.record}"},
        {"read": "value", "from": {"label": "Value"}},
    ],
}
LOGIN: Mapping[str, Any] = {
    **PAGES,
    "flow": "enter",
    "kind": "login",
    "account": {"role": "strong"},
    "steps": [
        {"goto": "/login"},
        {"fill": {"label": "Password"}, "with": "${login.password}"},
        {"click": {"role": "button"}, "commit": {"post": "/login"}},
    ],
}
SECRET: Mapping[str, Any] = {
    "inputs": {**WRITE["inputs"], "key": {"type": "secret", "description": "The key."}},
    "execute": [
        {
            "http": {"put": "/records/${inputs.record}", "json": {"key": "${inputs.key}"}},
            "ok": "response.status == 200",
        }
    ],
    "expect": EXPECT,
    "outputs": {},
}
"""What makes the contract that writes one that carries a secret."""
PLAN: Mapping[str, Any] = {
    "plan": "set_two",
    "title": "Set two values",
    "summary": "Set the values of two records.",
    "use_when": "a test needs it",
    "steps": [
        {"id": "first", "contract": "set_value", "inputs": {"record": "a", "value": "x"}},
        {"id": "second", "contract": "set_value", "inputs": {"record": "b", "value": "y"}},
    ],
}


def _with(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def contract(base: Mapping[str, Any] = WRITE, **changes: Any) -> Contract:
    return Contract.model_validate(_with(base, changes))


def flow(base: Mapping[str, Any] = PAGES, **changes: Any) -> Flow:
    return Flow.model_validate(_with(base, changes))


def flows(*more: Flow) -> dict[str, Flow]:
    return {one.flow: one for one in (flow(), flow(LOOK), flow(LOGIN), *more)}


def program(base: Mapping[str, Any] = WRITE, system: System | None = None, **changes: Any) -> Program:
    return compile_contract(contract(base, **changes), system, flows())


def programs(*more: Program) -> dict[str, Program]:
    return {one.name: one for one in (program(), program(READ), *more)}


def plan(known: Mapping[str, Program] | None = None, *, of_agent: bool = False, **changes: Any) -> PlanProgram:
    return compile_plan(Plan.model_validate(_with(PLAN, changes)), known or programs(), flows(), of_agent=of_agent)


@contextmanager
def refused(field: str | None, words: str, code: str = "bad_contract") -> Iterator[None]:
    """What stands inside is refused with this code, at this key, in a sentence with these words, and with a hint."""
    with pytest.raises(AilyusError) as caught:
        yield
    assert (caught.value.code, caught.value.field) == (code, field)
    assert words in caught.value.sentence
    assert caught.value.hint
