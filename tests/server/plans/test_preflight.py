"""A plan is looked at as a whole before its first step: each step decided, its undo too, and what may be left out."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.approval_requirement import ApprovalRequirement
from policies.decision import Denied, Unavailable
from server.plans.preflight import PlanPreflight, Preflight, merge_requirements
from server.plans.tally import NOT_THERE
from tests.server.engine import PERMIT, Engine, engine
from tests.server.plans.runs import looked, plan_action, step, unfolded

ONCE = (
    '@id("one-an-hour") forbid (principal, action == Action::"set_value", resource) when { context.rate.lastHour > 0 };'
)
ROLES = st.dictionaries(st.sampled_from("ABC"), st.integers(1, 3), max_size=2)
NEEDS = st.lists(ROLES.map(lambda need: tuple(sorted(need.items()))), min_size=1, max_size=3).map(tuple)


async def found(made: Engine, *steps: dict[str, object], **more: object) -> PlanPreflight | Denied:
    action = plan_action(made, *steps, **more)
    return await Preflight(made.executor).look(action, unfolded(made, action))


async def test_every_step_is_looked_at_and_its_undo_is_decided_too(permissive: Engine) -> None:
    permissive.seed("r2")
    found = await looked(permissive, plan_action(permissive, step("one", "r1"), step("two", "r2")))
    assert [look.unit.key for look in found.looks] == ["one", "two"]
    assert [part.request.params["value"] for part in found.parts] == ["new", "old", "new", "old"]
    assert found.pins.keys() == {"one", "two"}
    assert (found.needs, found.left_out, found.tally.counts) == ((), {}, {"untouched": 2})
    assert permissive.writes() == []


async def test_one_step_that_is_not_permitted_denies_the_whole(permissive: Engine) -> None:
    denied = await found(permissive, step("one", "r1"), step("two", "nobody"))
    assert isinstance(denied, Denied)
    assert not isinstance(denied, Unavailable)
    assert denied.reason.startswith("step `two`: the record does not exist")


async def test_an_item_that_is_missing_is_left_out_only_where_its_author_says_so(permissive: Engine) -> None:
    each = {**step("each", "${item}"), "for_each": ["r1", "nobody"]}
    assert isinstance(await found(permissive, each), Denied)
    lenient = await found(permissive, {**each, "skip_missing": True})
    assert isinstance(lenient, PlanPreflight)
    assert list(lenient.left_out) == ["each[1]"]
    assert lenient.tally.steps[1].because == NOT_THERE
    nothing = await found(permissive, {**each, "for_each": ["nobody"], "skip_missing": True})
    assert isinstance(nothing, Denied)
    assert nothing.reason == "no step of the plan is permitted, or none of its records exists"


async def test_what_could_not_be_read_is_never_told_as_missing(permissive: Engine) -> None:
    permissive.seed("r2")
    permissive.fault("503", "r2", reads=True, times=9)
    each = {**step("each", "${item}"), "for_each": ["r1", "r2"], "skip_missing": True}
    down = await found(permissive, each)
    assert isinstance(down, Unavailable)
    assert down.reason.startswith("step `each[1]`: ")


async def test_earlier_steps_take_from_the_rate_of_later_ones(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, ONCE) as made:
        made.seed("r2")
        assert isinstance(await found(made, step("one", "r1")), PlanPreflight)
        denied = await found(made, step("one", "r1"), step("two", "r2"))
        assert isinstance(denied, Denied)
        assert denied.reason.startswith("step `two`: ")


async def test_an_undo_that_is_not_permitted_denies_the_step(tmp_path: Path) -> None:
    forbids = '@id("no-old") forbid (principal, action == Action::"set_value", resource) when { context.params.value == "old" };'
    async with engine(tmp_path, PERMIT, forbids) as made:
        denied = await found(made, step("one", "r1"))
        assert isinstance(denied, Denied)
        assert denied.reason.startswith("step `one`: its undo is not permitted")
        stops = await found(made, step("one", "r1"), on_failure="stop")
        assert isinstance(stops, PlanPreflight)
        assert [look.undo for look in stops.looks] == ["it stays"]


@pytest.mark.parametrize(
    ("needs", "merged"),
    [
        ([], ()),
        ([((("Lead", 1),),), ((("Lead", 2),),)], ((("Lead", 2),),)),
        ([((("Lead", 1),),), ((("Support", 1),),)], ((("Lead", 1), ("Support", 1)),)),
        ([((("Lead", 1),), (("Support", 1),)), ((("Lead", 1),),)], ((("Lead", 1),),)),
    ],
)
def test_the_needs_of_all_steps_as_one(
    needs: list[tuple[ApprovalRequirement, ...]], merged: tuple[ApprovalRequirement, ...]
) -> None:
    assert merge_requirements(needs) == merged


@settings(max_examples=100)
@given(st.lists(NEEDS, max_size=4))
def test_each_vector_satisfies_every_step_and_none_is_needlessly_large(
    needs: list[tuple[ApprovalRequirement, ...]],
) -> None:
    merged = merge_requirements(needs)

    def enough(vector: dict[str, int]) -> bool:
        return all(any(all(vector.get(r, 0) >= n for r, n in need) for need in step) for step in needs)

    for vector in map(dict, merged):
        assert enough(vector)
        for role in vector:
            assert not enough({**vector, role: vector[role] - 1})
    assert merged or enough({})
