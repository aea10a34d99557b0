"""Plans: every step is an action of the catalog, outputs go only where they were declared, an agent's text is data."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.canonical import MAX_INTEGER
from contracts.compiler.program import Program
from tests.contracts.making import SECRET, WRITE, plan, program, programs, refused

FIRST = {"id": "first", "contract": "set_value", "inputs": {"record": "a", "value": "x"}}
GIVING = {
    "outputs": {"key": {"value": "${response.body.key}", "secret": {"to": ["take_key.key"]}}},
    "contract": "give_key",
}
SECRETIVE = programs(
    program(**{**SECRET, **GIVING}),
    program(**{**SECRET, "contract": "take_key"}),
    program(**{**SECRET, "contract": "steal_key"}),
)
TAKES_KEY = {"record": "b", "key": "${steps.first.outputs.key}"}


def second(contract: str = "set_value", known: dict[str, Program] | None = None, **inputs: Any) -> Any:
    steps = [FIRST, {"id": "second", "contract": contract, "inputs": {"record": "b", **inputs}}]
    return plan(known, steps=steps)


def given_key(contract: str, **inputs: str) -> Any:
    first = {"id": "first", "contract": "give_key", "inputs": {"record": "a"}}
    return plan(SECRETIVE, steps=[first, {"id": "second", "contract": contract, "inputs": {"record": "b", **inputs}}])


@pytest.mark.parametrize("name", ["nobody", "get_record"])
def test_a_step_is_an_action_of_the_catalog(name: str) -> None:
    with refused("steps.1.contract", f"`{name}` is no action of this catalog", "bad_plan"):
        second(name)
    listed = {"id": "all", "for_each": ["a"], "steps": [{"id": "in", "contract": name}]}
    with refused("steps.0.steps.0.contract", f"`{name}` is no action of this catalog", "bad_plan"):
        plan(steps=[listed])


def test_an_output_goes_only_to_an_input_that_is_declared_late() -> None:
    made = second(value="${steps.first.outputs.was}").blocks[1].steps[0]
    assert made.late == {"value": ("first", "was")}
    assert made.arguments.tree == {"record": "b"}
    with refused("steps.1.inputs.record", "`record` of `set_value` takes no such output", "bad_plan"):
        second(record="${steps.first.outputs.was}")
    with refused("steps.1.inputs.nobody", "`nobody` of `set_value` takes no such output", "bad_plan"):
        second(nobody="${steps.first.outputs.was}")


@pytest.mark.parametrize(
    "text", ["${steps.second.outputs.was}", "${steps.third.outputs.was}", "${steps.first.outputs.is}"]
)
def test_an_output_is_of_an_earlier_step(text: str) -> None:
    with refused("steps.1.inputs.value", "no earlier step ", "bad_plan"):
        second(value=text)


def test_an_output_stands_alone() -> None:
    with refused("steps.1.inputs", "does not compile", "bad_expression"):
        second(value="x${steps.first.outputs.was}")


def test_an_optional_step_gives_nothing_that_another_waits_for() -> None:
    steps = [
        {**FIRST, "optional": True},
        {"id": "second", "contract": "set_value", "inputs": {"record": "b", "value": "${steps.first.outputs.was}"}},
    ]
    with refused("steps.1.inputs.value", "the step `first` is optional and may give nothing", "bad_plan"):
        plan(steps=steps)


def test_a_secret_goes_to_a_secret_input_that_its_contract_named() -> None:
    made = given_key("take_key", key="${steps.first.outputs.key}")
    assert made.secretive
    with refused("steps.1.inputs.key", "the secret `key` may not go to `steal_key.key`", "bad_plan"):
        given_key("steal_key", key="${steps.first.outputs.key}")
    with refused("steps.1.inputs.value", "`value` of `set_value` takes no such output", "bad_plan"):
        given_key("set_value", value="${steps.first.outputs.key}")
    plain = {**SECRETIVE, "give_key": program(contract="give_key", outputs={"key": "${after.record.key}"})}
    steps = [
        {"id": "first", "contract": "give_key", "inputs": {"record": "a"}},
        {"id": "second", "contract": "take_key", "inputs": TAKES_KEY},
    ]
    with refused("steps.1.inputs.key", "`key` of `take_key` takes no such output", "bad_plan"):
        plan(plain, steps=steps)


def test_a_plan_is_as_dangerous_as_its_most_dangerous_step() -> None:
    known = programs(program(risk="medium"), program(contract="other", risk="critical"))
    steps = [FIRST, {"id": "second", "contract": "other", "inputs": {"record": "a"}}]
    assert (plan(known).risk, plan(known, steps=steps).risk) == ("medium", "critical")


def test_where_a_secret_passes_a_plan_needs_nothing_in_clear() -> None:
    health = {"observe": {"all": {"get": "/all"}}, "worse": "after.all.bad > before.all.bad"}
    first = {"id": "first", "contract": "give_key", "inputs": {"record": "a"}}
    with refused("worse", "needs the value of `before.all.bad` to be kept in clear"):
        plan(SECRETIVE, steps=[first], **health)
    assert plan(SECRETIVE, steps=[first], **health, not_secret=["all.bad"]).secretive
    assert not plan(**health).secretive


def test_the_digest_is_over_the_whole_plan() -> None:
    digests = {
        plan().digest,
        plan(title="Another").digest,
        plan(steps=[FIRST]).digest,
        plan(observe={"x": {"browser": "look"}}, inputs=WRITE["inputs"]).digest,
    }
    assert len(digests) == 4
    assert plan().digest in digests


# -- of an agent -----------------------------------------------------------------------


def test_an_agents_list_is_a_list() -> None:
    step = {"id": "all", "for_each": "${inputs.items}", "contract": "set_value", "inputs": {"record": "${item}"}}
    with refused("steps.0.for_each", "`for_each` is a list here", "bad_plan"):
        plan(of_agent=True, steps=[step])
    made = plan(of_agent=True, steps=[{**step, "for_each": ["${inputs.x}", "b"]}])
    assert [unit.arguments for unit in made.unfold({}, "acme")] == [{"record": "${inputs.x}"}, {"record": "b"}]


@pytest.mark.parametrize(
    "text", ["${inputs.x}", "x${item}", "${item} ", "${item.a.b}", "${1 + 1}", "${connection.tenant}", "${item['a']}"]
)
def test_an_agents_text_is_no_expression(text: str) -> None:
    step = {"id": "all", "for_each": [{"a": "b"}], "contract": "set_value", "inputs": {"record": text}}
    with refused("steps.0.inputs", "`record` holds a `${` that means nothing", "bad_plan"):
        plan(of_agent=True, steps=[step])


def test_an_agents_item_is_understood_in_a_list_only() -> None:
    step = {"id": "all", "for_each": [{"a": "b"}], "contract": "set_value", "inputs": {"record": "${item.a}"}}
    assert [unit.arguments for unit in plan(of_agent=True, steps=[step]).unfold({}, "acme")] == [{"record": "b"}]
    with refused("steps.0.inputs", "`record` holds a `${` that means nothing", "bad_plan"):
        plan(of_agent=True, steps=[{**FIRST, "inputs": {"record": "${item}"}}])


@given(
    st.text(max_size=20).filter(lambda text: "${" not in text)
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.lists(st.text("${}a", max_size=5), max_size=3)
)
@settings(max_examples=30)
def test_an_agents_value_arrives_as_it_was_sent(value: Any) -> None:
    made = plan(PROGRAMS, of_agent=True, steps=[{**FIRST, "inputs": {"record": value}}])
    assert [unit.arguments for unit in made.unfold({}, "acme")] == [{"record": value}]


PROGRAMS = programs()
