"""Warnings: what compiles and would still surprise whoever runs it."""

from typing import Any

import pytest

from contracts.compiler.catalog_warnings import warnings_of
from contracts.compiler.program import Program
from contracts.schema.flow import Flow
from tests.contracts.making import LOGIN, LOOK, PAGES, READ, WRITE, flow, plan, program, programs

UNDO = {"contract": "set_value", "inputs": {"record": "${inputs.record}", "value": "${before.record.value}"}}
FIRST = {"id": "first", "contract": "set_value", "inputs": {"record": "a", "value": "x"}}
TAKING = {"id": "second", "contract": "set_value", "inputs": {"record": "b", "value": "${steps.first.outputs.was}"}}
LAST = {"id": "last", "contract": "set_value", "inputs": {"record": "c"}}
LIST = {"id": "all", "for_each": ["a", "b"], "contract": "set_value", "inputs": {"record": "${item}"}}
REQUIRE = [{"that": "before.record.open", "else": "the record is closed"}]


def of_plan(known: dict[str, Program], **changes: Any) -> tuple[str, ...]:
    return warnings_of(known, {"set_two": plan(known, **changes)}, {})


def of_contract(made: Program) -> tuple[str, ...]:
    return warnings_of({made.name: made}, {}, {})


def undoable(**changes: Any) -> dict[str, Program]:
    return programs(program(undo=UNDO, **changes))


def test_what_has_nothing_to_surprise_is_not_warned_of() -> None:
    assert warnings_of(undoable(), {"set_two": plan(undoable())}, {}) == ()


def test_an_id_without_a_read_that_supplies_it() -> None:
    inputs = {**READ["inputs"], "user_id": {"type": "string", "description": "D."}}
    assert of_contract(program(READ, inputs=inputs)) == (
        "`get_record`: no read supplies the id `user_id`; name one with `from:`",
    )
    inputs["user_id"]["from"] = "find_user"
    assert of_contract(program(READ, inputs=inputs)) == ()


def test_an_action_whose_effect_nobody_can_detect() -> None:
    assert of_contract(program(detect="none")) == (
        "`set_value`: `detect: none`: after a lost answer it can only be escalated",
    )
    assert of_contract(program(READ)) == ()


def test_a_step_that_says_nothing_about_its_undo_is_the_last() -> None:
    warned = "`set_two`: the step `first` says nothing about its undo and is not the last"
    assert of_plan(programs()) == (warned,)
    assert of_plan(programs(program(undo="none"))) == ()
    assert of_plan(programs(), on_failure="stop") == ()


def test_a_plan_that_can_end_stuck() -> None:
    keeping = program(contract="take_value", undo="none")
    steps = [FIRST, {**TAKING, "contract": "take_value"}, LAST]
    found = of_plan({**undoable(), "take_value": keeping}, steps=steps)
    assert found == (
        "`set_two`: if `last` fails, `first` is not undone: `second` took what it made and has no undo;"
        " say `keep: first while second`, or give `take_value` an undo",
    )
    known = {**undoable(), "take_value": keeping}
    assert of_plan(known, steps=steps, keep="first while second") == ()
    assert of_plan(known, steps=steps[:2]) == ()
    assert of_plan(known, steps=steps, on_failure="continue") == ()
    assert of_plan(undoable(), steps=[FIRST, TAKING, LAST]) == ()


def test_a_list_that_one_item_has_undone() -> None:
    found = of_plan(undoable(require=REQUIRE), steps=[LIST])
    assert found == (
        "`set_two`: one item for which a `require` of `set_value` does not hold stops the list"
        " `all` and has others undone; leave such items out with `skip_unmet: true`",
    )
    assert of_plan(undoable(require=REQUIRE), steps=[{**LIST, "skip_unmet": True}]) == ()
    assert of_plan(undoable(require=REQUIRE), steps=[FIRST]) == ()
    assert of_plan(undoable(), steps=[LIST]) == ()


def with_flows(*known: Flow, **changes: Any) -> tuple[str, ...]:
    pages = {"execute": [{"browser": {"flow": "press"}}], "evidence": {"browser": ["before", "after"]}}
    made = program(**pages, **changes)
    return warnings_of({made.name: made}, {}, {one.flow: one for one in known})


def test_a_flow_that_no_contract_uses() -> None:
    unused = "`look`: no contract uses this flow, so its texts were not checked"
    assert with_flows(flow(), flow(LOOK)) == (unused,)
    observe = {**WRITE["observe"], "page": {"browser": "look"}}
    assert with_flows(flow(), flow(LOOK), observe=observe) == ()


def test_a_flow_that_only_a_plan_or_a_login_uses_is_used() -> None:
    known = undoable()
    look = flow(LOOK, login="enter")
    seen = plan(known, observe={"page": {"browser": "look"}}, inputs=READ["inputs"])
    assert warnings_of(known, {"set_two": seen}, {"look": look, "enter": flow(LOGIN)}) == ()


@pytest.mark.parametrize("verb", ["fill", "check", "click"])
def test_acting_on_what_css_finds(verb: str) -> None:
    more = {"with": "${inputs.value}"} if verb == "fill" else {}
    steps = [*PAGES["steps"][:2], {verb: {"css": "#a"}, **more}]
    steps += [PAGES["steps"][1]] if verb == "click" else []
    warned = "`press`: `steps.2` acts on what it finds by CSS; a role, a label or a text lasts longer"
    assert with_flows(flow(steps=[*steps, *PAGES["steps"][3:]])) == (warned,)
    assert with_flows(flow(steps=[*PAGES["steps"][:4], {"expect": {"css": "#a"}}])) == ()


def test_nothing_is_expected_after_the_commit() -> None:
    warned = "`press`: nothing is expected after the commit, so a page that says no is not noticed"
    assert with_flows(flow(steps=PAGES["steps"][:4])) == (warned,)
