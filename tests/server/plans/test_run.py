"""One run of a plan in this process: what waits for a commit, and what stands in its rows."""

from receipts.action.action_form import pack_observation
from server.execution.attempt import PendingEnd
from server.execution.decisions import ApprovalCount
from server.plans.progress import Progress
from server.plans.run import Run
from server.plans.stop_reason import CANCELLED
from server.plans.tally import StepEnd
from tests.receipts.making import BEFORE, told
from tests.server.engine import Engine
from tests.server.plans.runs import plan_action, step, unfolded


def run_of(made: Engine, progress: Progress) -> Run:
    action = plan_action(made, step("one", "r1"))
    return Run(action, unfolded(made, action), progress, [])


async def test_an_end_waits_for_the_next_commit(permissive: Engine) -> None:
    run = run_of(permissive, Progress())
    ended = PendingEnd(permissive.action(), "confirmed", told("confirmed"), lambda txn: None)
    run.add(ended)
    assert run.pending == [ended.work]
    assert run.ended == [ended]
    assert run.finished == {}


async def test_time_runs_from_the_first_step_and_before_it_from_now(permissive: Engine) -> None:
    limit = unfolded(permissive, plan_action(permissive, step("one", "r1"))).program.plan.not_after
    assert run_of(permissive, Progress()).until_ms(1_000) == 1_000 + limit
    assert run_of(permissive, Progress(started_ms=50)).until_ms(1_000) == 50 + limit


async def test_what_stands_in_its_row_is_read_from_there(permissive: Engine) -> None:
    health = pack_observation(BEFORE).decode()
    run = run_of(permissive, Progress(roles={"Lead": 2}, oldest_seconds=7, health=health, stopped=CANCELLED.stored))
    assert run.approved == ApprovalCount({"Lead": 2}, 7)
    assert run.stopped == CANCELLED
    assert run.health == BEFORE
    bare = run_of(permissive, Progress())
    assert (bare.stopped, bare.health) == (None, None)


async def test_its_tally_is_of_what_has_ended_and_what_was_left_out(permissive: Engine) -> None:
    run = run_of(permissive, Progress(left_out={"one": "gone"}))
    assert run.tally.counts == {"left_out": 1}
    run = run_of(permissive, Progress())
    run.finished[0] = StepEnd("one", "confirmed", "act_1", "rcp_1", {}, True)
    assert run.tally.counts == {"done": 1}
