"""A stored plan under the live release: the same to the digest, or none."""

from dataclasses import replace

from policies.decision import Denied
from policies.plan_parser import PlanRequest
from receipts.action.action import PlanStep
from server.plans import plan_requests
from server.plans.plan_requests import PlanRequests, remains
from tests.server.engine import Engine, release_of
from tests.server.plans.runs import plan_action, step


async def test_a_plan_is_unfolded_once(permissive: Engine) -> None:
    requests, action = PlanRequests(permissive.release), plan_action(permissive, step("one", "r1"), step("two", "r2"))
    planned = requests.unfold(action)
    assert isinstance(planned, PlanRequest)
    assert [unit.key for unit in planned.units] == ["one", "two"]
    assert [request.params["record"] for request in planned.steps] == ["r1", "r2"]
    assert requests.unfold(action) is planned


async def test_only_so_many_are_kept(permissive: Engine) -> None:
    requests = PlanRequests(permissive.release)
    first = plan_action(permissive, step("one", "r1"))
    planned = requests.unfold(first)
    for number in range(plan_requests.MAX_UNFOLDED):
        requests.unfold(replace(first, id=f"act_{number}"))
    assert requests.unfold(first) is not planned
    last = replace(first, id=f"act_{plan_requests.MAX_UNFOLDED - 1}")
    assert requests.unfold(last) is requests.unfold(last)
    assert len(requests._unfolded) == plan_requests.MAX_UNFOLDED


async def test_another_digest_than_the_one_that_was_asked_for_denies(permissive: Engine) -> None:
    action = plan_action(permissive, step("one", "r1"))
    moved = release_of(permissive.root, 1)  # the connection leads elsewhere
    denied = PlanRequests(moved).unfold(action)
    assert isinstance(denied, Denied)
    assert denied.reason == "the contracts or connections of the plan changed"


async def test_a_plan_that_is_not_released_any_more_denies(permissive: Engine) -> None:
    action = plan_action(permissive, step("one", "r1"))
    gone = replace(action, request=replace(action.request, contract="rotate_everything"))
    denied = PlanRequests(permissive.release).unfold(gone)
    assert isinstance(denied, Denied)
    assert denied.reason == "the plan is not part of the release any more"


async def test_what_a_plan_made_remains_when_its_release_has_gone(permissive: Engine) -> None:
    plan = plan_action(permissive, step("one", "r1"))
    one = replace(permissive.action(), step=PlanStep(plan.id, 1, 2, 3, "two"))
    undo = replace(permissive.action(), step=PlanStep(plan.id, 1, 0, 3, "undo one"), undoes="act_x")
    left = remains(plan, [undo, one])
    assert [unit.contract for unit in left.units] == ["", "", "set_value"]
    assert left.steps == (one.request,)
    assert left.program.plan.on_failure == "escalate"
    assert left.request is plan.request
    assert remains(plan, []).units == ()
