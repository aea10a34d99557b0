"""Requests: one exact action has one digest, and the same call has one key whatever its reason."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.action.request import ActionRequest, ToolCall

FIELDS: dict[str, Any] = {
    "contract": "set_value",
    "version": 1,
    "contract_digest": "c",
    "kind": "write",
    "risk": "low",
    "tenant": "acme",
    "agent": "bot",
    "person": "ann",
    "owner": "olga",
    "connection": "main",
    "target_digest": "t",
    "params": {"record": "r1", "n": 1},
    "reason": "it was asked for",
    "caller_key": None,
}


def request(**changes: Any) -> ActionRequest:
    return ActionRequest(**{**FIELDS, **changes})


@pytest.mark.parametrize(
    ("change", "action", "call"),
    [
        ({"contract": "other"}, True, True),
        ({"version": 2}, True, False),
        ({"contract_digest": "d"}, True, False),
        ({"tenant": "other"}, True, True),
        ({"agent": "other"}, True, True),
        ({"person": "eve"}, True, True),
        ({"connection": "other"}, True, True),
        ({"target_digest": "u"}, True, False),
        ({"params": {"record": "r1", "n": 2}}, True, True),
        ({"params": {"record": "r1", "n": "1"}}, True, True),
        ({"params": {"record": "r1"}}, True, True),
        ({"late": ("value",)}, True, False),
        ({"caller_key": "k"}, False, True),
        ({"reason": "worded anew"}, False, False),
        ({"owner": "eve"}, False, False),
        ({"trace": "00-a-b-01"}, False, False),
        ({"boundary": "process"}, False, False),
    ],
)
def test_what_makes_another_action_and_what_another_call(change: dict[str, Any], action: bool, call: bool) -> None:
    one, other = request(), request(**change)
    assert (one.action_digest != other.action_digest) is action
    assert (one.call_key != other.call_key) is call


@given(st.permutations(["a", "b", "c", "d"]))
@settings(max_examples=10)
def test_the_order_of_parameters_means_nothing(names: list[str]) -> None:
    params = {name: ord(name) for name in names}
    assert request(params=params).action_digest == request(params=dict(sorted(params.items()))).action_digest


def test_the_two_digests_are_of_two_kinds() -> None:
    made = request()
    assert made.action_digest != made.call_key
    with pytest.raises(AttributeError):
        made.action_digest = "x"  # type: ignore[misc]  # frozen


def test_a_call_has_no_other_fields() -> None:
    with pytest.raises(ValidationError):
        ToolCall.model_validate({"name": "a", "arguments": {}, "person": "eve"})
    # nobody has looked at the arguments yet
    assert ToolCall.model_validate({"name": "a", "arguments": {"x": 1.5}}).arguments == {"x": 1.5}
