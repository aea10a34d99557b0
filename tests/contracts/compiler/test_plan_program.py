"""Unfolded plans: one unit for each action, in order and in waves, and what is kept while what stays."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.compiler.plan_program import MAX_NAMED, Unit
from tests.contracts.making import plan, program, programs, refused

KNOWN = programs()
INPUTS = {
    "items": {"type": "array", "items": {"type": "string"}, "description": "D.", "maxItems": 1000},
    "value": {"type": "string", "description": "D."},
}
LIST = {"id": "all", "for_each": "${inputs.items}", "contract": "set_value", "inputs": {"record": "${item}"}}
ONE = {"id": "one", "contract": "set_value", "inputs": {"record": "a", "value": "${inputs.value}"}}


def unfolded(*steps: dict[str, Any], items: list[str] | None = None, **changes: Any) -> tuple[Unit, ...]:
    made = plan(KNOWN, inputs=INPUTS, steps=list(steps), **changes)
    return made.unfold({"items": items if items is not None else ["x", "y"], "value": "v"}, "acme")


def test_steps_one_after_another_are_one_wave() -> None:
    units = unfolded(ONE, {**ONE, "id": "two"}, LIST, {**ONE, "id": "three"})
    assert [(unit.key, unit.wave) for unit in units] == [
        ("one", 1),
        ("two", 1),
        ("all[0]", 2),
        ("all[1]", 2),
        ("three", 3),
    ]
    assert units[0].arguments == {"record": "a", "value": "v"}
    assert (units[2].arguments, units[2].item, units[0].item) == ({"record": "x"}, "x", "")


@given(st.integers(1, 30), st.lists(st.integers(1, 6), max_size=4))
@settings(max_examples=30)
def test_waves_take_every_item_once_and_in_order(count: int, waves: list[int]) -> None:
    items = [f"i{n}" for n in range(count)]
    units = unfolded({**LIST, "waves": [*waves, "rest"]}, items=items)
    assert [unit.item for unit in units] == items
    sizes = [sum(unit.wave == wave for unit in units) for wave in range(1, units[-1].wave + 1)]
    assert all(size <= most for size, most in zip(sizes, waves, strict=False))
    assert sizes[: len(waves)] == [size for size in sizes[: len(waves)] if size]


def test_waves_that_leave_items_out_are_refused() -> None:
    with refused(None, "the waves of `all` do not cover its 4 items", "bad_plan"):
        unfolded({**LIST, "waves": [1, 2]}, items=list("abcd"))
    assert len(unfolded({**LIST, "waves": [1, 2]}, items=list("abc"))) == 3


def test_an_item_goes_through_its_own_steps() -> None:
    inner = [
        {"id": "first", "contract": "set_value", "inputs": {"record": "${item}", "value": "x"}},
        {"id": "then", "contract": "set_value", "inputs": {"record": "${item}", "value": "${steps.first.outputs.was}"}},
        {"id": "also", "contract": "set_value", "inputs": {"record": "${item}", "value": "${steps.one.outputs.was}"}},
    ]
    units = unfolded(ONE, {"id": "all", "for_each": "${inputs.items}", "steps": inner})
    assert [unit.key for unit in units[1:]] == [f"{step}[{n}]" for n in (0, 1) for step in ("first", "then", "also")]
    assert [dict(unit.late) for unit in units[4:]] == [{}, {"value": ("first[1]", "was")}, {"value": ("one", "was")}]
    assert [unit.group for unit in units] == ["one", *["all[0]"] * 3, *["all[1]"] * 3]


def test_what_has_no_list_or_no_value_is_refused_with_its_step() -> None:
    with refused("/all", "`for_each` of the step `all` is no list", "bad_plan"):
        unfolded({**LIST, "for_each": "${inputs.value}"})
    with refused("/all", "the inputs of `all[0]` have no value", "bad_plan"):
        unfolded({**LIST, "inputs": {"record": "${item.id}"}})
    with refused(None, "the plan has nothing to do", "bad_plan"):
        unfolded(LIST, items=[])
    assert len(unfolded(ONE, LIST, items=[])) == 1


def test_a_plan_has_a_bound_however_it_unfolds() -> None:
    inner = [{"id": f"s{n}", "contract": "set_value", "inputs": {"record": "${item}"}} for n in range(3)]
    steps = {"id": "all", "for_each": "${inputs.items}", "steps": inner}
    assert len(unfolded(steps, items=["x"] * 666)) == 1998
    with refused(None, "at most 1000 items and 2000 actions", "bad_plan"):
        unfolded(steps, items=["x"] * 667)
    with refused(None, "at most 1000 items and 2000 actions", "bad_plan"):
        unfolded(LIST, items=["x"] * 1001)


@pytest.mark.parametrize(
    ("item", "told"),
    [("a", "a"), (7, "7"), ({"b": 1, "a": "é"}, '{"a":"é","b":1}'), ("x" * MAX_NAMED, "x" * 80), ("x" * 81, "x" * 79 + "…")],
)  # fmt: skip
def test_an_item_is_told_in_a_line(item: object, told: str) -> None:
    units = unfolded({**LIST, "for_each": [item], "inputs": {"record": "a"}})
    assert [unit.item for unit in units] == [told]


def test_what_took_an_output_or_is_named_by_keep_holds_the_other() -> None:
    steps = [
        {"id": "first", "contract": "set_value", "inputs": {"record": "a"}},
        {"id": "second", "contract": "set_value", "inputs": {"record": "b", "value": "${steps.first.outputs.was}"}},
        {"id": "third", "contract": "set_value", "inputs": {"record": "c"}},
    ]
    made = plan(KNOWN, steps=steps, keep="first while third")
    first, second, third = made.unfold({}, "acme")
    assert made.holds(first) == {}
    assert made.holds(second) == {"first": "second took what it made and keeps it"}
    assert made.holds(third) == {"first": "the plan keeps it while third is done"}


def test_a_step_of_a_list_is_kept_for_its_own_item() -> None:
    inner = [{"id": name, "contract": "set_value", "inputs": {"record": "${item}"}} for name in ("a", "b")]
    made = plan(
        KNOWN, inputs=INPUTS, steps=[ONE, {"id": "all", "for_each": "${inputs.items}", "steps": inner}],
        keep=["a while b", "one while b"],
    )  # fmt: skip
    units = made.unfold({"items": ["x", "y"], "value": "v"}, "acme")
    assert set(made.holds(units[4])) == {"a[1]", "one"}


def test_a_reason_is_asked_for_from_risk_medium_on() -> None:
    assert not plan(KNOWN).needs_reason
    assert plan(programs(program(risk="medium"))).needs_reason
