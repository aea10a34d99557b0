"""Closed schemas: what is not declared does not exist, and every complaint says where and what to change."""

import pytest

from contracts.compiler.catalog import load_catalog
from contracts.compiler.inputs import MAX_FAULTS
from contracts.errors import AilyusError
from tests.world import ROOT

PROGRAMS = load_catalog(ROOT / "contracts" / "library").programs
RESET = {"user_id": "00u1maria0001", "ticket": "4711"}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"extra": 1}, "unknown_field", "/extra"),
        ({"user_id": 5}, "wrong_type", "/user_id"),
        ({"user_id": "x"}, "wrong_format", "/user_id"),
        ({"user_id": 1.5}, "wrong_type", "/user_id"),
        ({"user_id": 2**60}, "out_of_range", "/user_id"),
        ({"__entity": {}}, "reserved_key", "/__entity"),
        ({"a/b~c": 1}, "unknown_field", "/a~1b~0c"),
        ({"user_id": "00u1maria\u200b0001"}, "bad_text", "/user_id"),
        ({"user_id": "e\u0301"}, "bad_text", "/user_id"),
        ({"user_id": "x" * 70_000}, "too_large", "/user_id"),
        ({"user_id": {"__extn": 1}}, "reserved_key", "/user_id/__extn"),
    ],
)
def test_what_is_wrong_and_where(change: dict[str, object], code: str, field: str) -> None:
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["reset_user_mfa"].inputs.parse({**RESET, **change})
    error = caught.value
    assert error.code == code
    assert error.hint
    assert error.field == field
    assert not error.also


def test_all_faults_of_a_call_are_told_at_once() -> None:
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["reset_user_mfa"].inputs.parse({"user_id": "maria", "tikcet": "4711", "__x": 1, "a": 1.5})
    told = [(fault.code, fault.field) for fault in (caught.value, *caught.value.also)]
    assert told == [
        ("reserved_key", "/__x"),
        ("wrong_type", "/a"),
        ("wrong_format", "/user_id"),
        ("unknown_field", "/tikcet"),
        ("missing_field", "/ticket"),
    ]
    assert caught.value.sentence.count("; ") == 4
    # an unknown field is told as itself, with the name that it is nearest to
    assert "did you mean `ticket`?" in next(f for f in caught.value.also if f.field == "/tikcet").hint


def test_what_a_value_cannot_be_is_told_once() -> None:
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["reset_user_mfa"].inputs.parse({**RESET, "user_id": 1.5})
    assert not caught.value.also


def test_a_call_with_a_thousand_faults_is_told_of_ten() -> None:
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["reset_user_mfa"].inputs.parse({**RESET, **{f"x{n}": n for n in range(1000)}})
    assert len(caught.value.also) == MAX_FAULTS - 1
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["reset_user_mfa"].inputs.parse({**RESET, **{f"__{n}": n for n in range(1000)}})
    assert len(caught.value.also) == MAX_FAULTS - 1


def test_a_missing_field_names_its_finder() -> None:
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["get_user"].inputs.parse({})
    assert (caught.value.code, caught.value.field) == ("missing_field", "/user_id")
    assert "find_user" in caught.value.hint


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_arguments_are_an_object(value: object) -> None:
    with pytest.raises(AilyusError) as caught:
        PROGRAMS["get_user"].inputs.parse(value)
    assert caught.value.code == "not_an_object"
