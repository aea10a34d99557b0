"""What an approver is shown of a whole plan: each step, each value with whose it is, and what becomes of a failure."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.plans.plan_document import IF_A_STEP_FAILS, display_of
from tests.server.engine import LEAD, PERMIT, Engine, engine
from tests.server.plans.runs import both, looked, plan_action, step, watched


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        made.seed("r2")
        yield made


async def shown(made: Engine, *steps: dict[str, object], **more: object) -> dict[str, tuple[str, str]]:
    action = plan_action(made, *steps, **more)
    return {line.label: (line.value, line.origin) for line in display_of(action, await looked(made, action)).lines}


async def test_every_step_is_shown_with_its_values_and_its_undo(guarded: Engine) -> None:
    assert await shown(guarded, step("one", "r1"), step("two", "r2")) == {
        "what will change": ("A plan of the agent", "agent"),
        "plan": ("run_plan@1, risk low, 2 actions", "contract"),
        "who asked": ("ann, through the agent bot", "gateway"),
        "reason": ("a test of several steps", "agent"),
        "why you": ("the policies ask for 1 Lead", "policy"),
        "if a step fails": ("what was done is undone, in reverse order", "contract"),
        "1. one (set_value, wave 1, records)": ("Set the record r1 from old", "contract"),
        "1. input record": ("r1", "caller"),
        "1. input value": ("new", "caller"),
        "1. if wrong": ('set_value takes it back: {"record":"r1","value":"old"}', "contract"),
        "2. two (set_value, wave 1, records)": ("Set the record r2 from old", "contract"),
        "2. input record": ("r2", "caller"),
        "2. input value": ("new", "caller"),
        "2. if wrong": ('set_value takes it back: {"record":"r2","value":"old"}', "contract"),
    }


async def test_a_plan_of_the_workspace_has_its_own_title(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, LEAD, contracts=watched(tmp_path / "contracts")) as made:
        action = both(made)
        first, *_ = display_of(action, await looked(made, action)).lines
        assert (first.value, first.origin) == ("Set two records, watched", "contract")


@pytest.mark.parametrize("how", ["undo", "stop", "escalate"])
async def test_what_becomes_of_a_failure_is_said(guarded: Engine, how: str) -> None:
    said = await shown(guarded, step("one", "r1"), on_failure=how)
    assert said["if a step fails"] == (IF_A_STEP_FAILS[how], "contract")
    assert (said["1. if wrong"] == ("it stays", "contract")) is (how != "undo")


async def test_what_is_left_out_is_said(guarded: Engine) -> None:
    each = {**step("each", "${item}"), "for_each": ["r1", "nobody"], "skip_missing": True}
    said = await shown(guarded, each)
    assert said["left out: nobody"] == ("no such record, or not permitted", "contract")


async def test_what_the_plan_keeps_is_said(tmp_path: Path) -> None:
    contracts = watched(tmp_path / "contracts", keep="one while two")
    async with engine(tmp_path, PERMIT, LEAD, contracts=contracts) as made:
        action = both(made)
        (failure,) = [
            line.value for line in display_of(action, await looked(made, action)).lines if "fails" in line.label
        ]
        assert failure.endswith("; but kept: one while two stays")


async def test_waves_are_counted(guarded: Engine) -> None:
    each = {**step("each", "${item}"), "for_each": ["r1", "r2"], "waves": [1, "rest"]}
    said = await shown(guarded, each)
    assert said["plan"] == ("run_plan@1, risk low, 2 actions in 2 waves", "contract")
    assert "2. each[1] (set_value, wave 2, records)" in said
