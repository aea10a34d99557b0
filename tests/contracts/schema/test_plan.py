"""Plans: steps with their lists and waves, bounded, each step named once, and what is kept while what stays."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.plan import MAX_STEPS, Plan, Step
from tests.contracts.making import PLAN

ONE = {"id": "one", "contract": "a"}
TWO = {"id": "two", "contract": "a"}
HEALTH = {"all": {"get": "/all"}}


def plan(*steps: dict[str, Any], **changes: Any) -> Plan:
    return Plan.model_validate({**PLAN, "steps": list(steps) or [ONE, TWO], **changes})


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"contract": None}, "a step has a `contract`, or `for_each` with `steps`"),
        ({"for_each": ["a"], "steps": [TWO]}, "a step has a `contract`, or `for_each` with `steps`"),
        ({"contract": None, "steps": [TWO]}, "inner `steps` need `for_each`"),
        ({"waves": [1]}, "need `for_each`"),
        ({"skip_missing": True}, "need `for_each`"),
        ({"skip_unmet": True}, "need `for_each`"),
        ({"contract": None, "for_each": ["a"], "steps": [TWO], "optional": True}, "`optional` stands at a step"),
        ({"for_each": ["a"], "waves": ["rest", 1]}, "`rest` is the last wave"),
        ({"for_each": ["a"], "waves": [0]}, "greater than or equal to 1"),
        ({"for_each": ["a"], "waves": [1] * 11}, "at most 10 items"),
        (
            {"contract": None, "for_each": ["a"], "steps": [{**TWO, "for_each": ["b"]}]},
            "a list stands in no other list",
        ),
        ({"id": "One"}, "should match pattern"),
        ({"when": "x"}, "Extra inputs"),
    ],
)
def test_what_is_no_step(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Step.model_validate({key: value for key, value in {**ONE, **words}.items() if value is not None})


def test_a_list_has_waves_and_rest_at_the_end() -> None:
    assert Step.model_validate({**ONE, "for_each": "${inputs.x}", "waves": [1, 10, "rest"]}).waves == (1, 10, "rest")


def test_each_step_is_named_once_at_any_depth() -> None:
    inner = {"id": "all", "for_each": ["a"], "steps": [ONE, TWO]}
    with pytest.raises(ValidationError, match="the step id `one` is used twice"):
        plan(ONE, inner)
    assert plan(inner)


def test_a_plan_has_a_bound_of_steps_at_any_depth() -> None:
    many = [{"id": f"s{n}", "contract": "a"} for n in range(MAX_STEPS)]
    assert len(plan(*many).steps) == MAX_STEPS
    with pytest.raises(ValidationError, match="at most 50"):
        plan(*many, ONE)
    with pytest.raises(ValidationError, match="a plan has at most 50 steps"):
        plan({"id": "all", "for_each": ["a"], "steps": many})


def test_what_is_expected_of_a_plan_is_observed() -> None:
    for key, value in (("worse", "before.all.x > 1"), ("expect", [{"that": "after.all.x == 1", "else": "no"}])):
        with pytest.raises(ValidationError, match="`expect` and `worse` need `observe`"):
            plan(**{key: value})
        assert plan(**{key: value}, observe=HEALTH)


def test_what_is_kept_was_done_before_what_it_is_kept_for() -> None:
    assert plan(keep="one while two").keeps == (("one", "two"),)
    assert plan(keep=["one while two", "one while all"], steps=[ONE, TWO, {"id": "all", "contract": "a"}]).keeps == (
        ("one", "two"),
        ("one", "all"),
    )
    for keep in ("two while one", "one while one", "one while nobody", "nobody while two"):
        with pytest.raises(ValidationError, match=f"`keep: {keep}` needs two steps of the plan, the kept one first"):
            plan(keep=keep)
    with pytest.raises(ValidationError, match="should match pattern"):
        plan(keep="one until two")


def test_a_plan_of_old_has_no_newer_key_in_its_digest() -> None:
    written = plan().model_dump(mode="json", by_alias=True)
    assert {"not_secret", "keep"}.isdisjoint(written)
    assert {"skip_unmet", "optional"}.isdisjoint(written["steps"][0])
