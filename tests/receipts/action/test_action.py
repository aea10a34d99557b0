"""An action is its agent's and person's alone, and what stands in its row is one of few words."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from receipts.action.action import PlanStep, state_of
from receipts.action.action_result import ActionResult
from tests.receipts.making import CALLER, action


def test_only_the_agent_that_asked_for_this_person_in_this_tenant_may_see_it() -> None:
    assert action().is_of(CALLER)
    assert action().is_of(replace(CALLER, owner="other", roles=frozenset({"Director"})))
    for change in ({"tenant": "umbrella"}, {"agent": "other"}, {"person": "bob"}):
        assert not action().is_of(replace(CALLER, **change))  # type: ignore[arg-type]


def test_an_agent_waits_for_the_plan_and_not_for_its_step() -> None:
    single = action()
    assert single.watched == single.id
    assert replace(single, step=PlanStep("act_plan", 1, 0, 1, "first")).watched == "act_plan"


def test_the_receipt_is_that_of_what_was_told_last() -> None:
    assert action().receipt_id is None
    told = ActionResult(status="confirmed", summary="", next="", action_id=None, receipt_id="rcp_1")
    assert replace(action(), result=told).receipt_id == "rcp_1"


@pytest.mark.parametrize("value", ["done", "", None, 1, "Ended"])
def test_a_state_that_there_is_not_is_no_state(value: object) -> None:
    assert state_of("ended") == "ended"
    with pytest.raises(ValidationError):
        state_of(value)
