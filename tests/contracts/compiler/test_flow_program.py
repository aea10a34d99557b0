"""Rendered flows: what an intent names, what is left out with its input, and that no value leaves its place."""

import pytest

from contracts.compiler.catalog import load_catalog
from contracts.compiler.expressions import Fault
from contracts.compiler.flow_program import FlowProgram, FlowRequest, render_flow
from contracts.compiler.route_program import BrowserProgram
from tests.contracts.making import program
from tests.world import ROOT

LIBRARY = ROOT / "contracts" / "library" / "helpdesk"
SCOPE = {"inputs.record": "r1", "inputs.value": "a b&c"}
PAGES = {"execute": [{"browser": {"flow": "press"}}], "evidence": {"browser": ["before", "after"]}}


def rendered(**values: object) -> FlowRequest | Fault:
    route = load_catalog(LIBRARY).programs["set_ticket_priority"].routes[1]
    assert isinstance(route, BrowserProgram)
    scope = {"inputs.ticket_id": "7", "inputs.priority": "high", "before.ticket": {"title": "Paper jam"}}
    return render_flow(route.flow, "https://desk.example/base/", {**scope, **values})


def pressed() -> FlowProgram:
    route = program(**PAGES).routes[0]
    assert isinstance(route, BrowserProgram)
    return route.flow


def test_what_an_intent_names() -> None:
    flow, same, other = rendered(), rendered(), rendered(**{"inputs.priority": "low"})
    assert isinstance(flow, FlowRequest)
    assert isinstance(same, FlowRequest)
    assert isinstance(other, FlowRequest)
    assert (flow.method, flow.url) == ("POST", "https://desk.example/base/admin/helpdesk/ticket/7/change/")
    assert flow.digest == same.digest != other.digest
    assert flow.said[1]["is"] == "7 Paper jam"


@pytest.mark.parametrize("value", ["..", "1/2", "7?x=1", "7#x", "", "\u202e7"])
def test_no_value_leaves_its_segment(value: str) -> None:
    assert isinstance(rendered(**{"inputs.ticket_id": value}), Fault)


def test_every_text_of_a_step_is_filled() -> None:
    steps = pressed().filled(SCOPE)
    assert not isinstance(steps, Fault)
    goto, identity, fill, click, expect = steps
    assert (goto.goto, goto.query) == ("/records/r1?tab=a+b%26c", {})
    assert (identity.is_, fill.with_) == ("r1", "a b&c")
    assert click.commit is not None
    assert (click.commit.method, click.commit.path) == ("POST", "/records/r1")
    assert expect.expect is not None
    assert expect.expect.text == "a b&c is saved"


def test_a_fill_of_an_input_that_was_left_out_is_left_out() -> None:
    flow = pressed()
    steps = flow.filled(SCOPE, frozenset({"${inputs.value}"}))
    assert not isinstance(steps, Fault)
    assert [step.verb for step in steps] == ["goto", "identity", "click", "expect"]


def test_a_text_without_a_value_is_the_fault_of_the_flow() -> None:
    for left in ("inputs.record", "inputs.value"):
        scope = {name: value for name, value in SCOPE.items() if name != left}
        assert isinstance(render_flow(pressed(), "https://a.example", scope), Fault), left


def test_the_same_steps_on_another_site_are_another_request() -> None:
    one = render_flow(pressed(), "https://a.example/", SCOPE)
    same = render_flow(pressed(), "https://a.example", SCOPE)
    other = render_flow(pressed(), "https://b.example", SCOPE)
    assert isinstance(one, FlowRequest)
    assert isinstance(same, FlowRequest)
    assert isinstance(other, FlowRequest)
    assert one.digest == same.digest != other.digest


def test_a_read_has_no_commit_and_begins_at_its_first_page() -> None:
    read = program(observe={"record": {"get": "/records/${inputs.record}"}, "page": {"browser": "look"}}).reads[1]
    flow = render_flow(read.flow, "https://a.example", SCOPE)  # type: ignore[union-attr]  # it is a FlowRead
    assert isinstance(flow, FlowRequest)
    assert (flow.commit, flow.method, flow.url) == (None, "GET", "https://a.example/records/r1")
    assert flow.said[2]["from"] == {"label": "Value"}


def test_a_place_within_another_is_filled_too() -> None:
    flow = pressed()
    step = flow.flow.steps[3]
    assert step.click is not None
    inner = step.click.model_copy(update={"within": step.click.model_copy(update={"name": "${inputs.value} is saved"})})
    found = flow.located(inner.model_copy(update={"name": None}), SCOPE)
    assert not isinstance(found, Fault)
    assert found.within is not None
    assert found.within.name == "a b&c is saved"
