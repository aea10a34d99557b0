"""What an agent is told about a plan: the world first, what is done and what is not, whom it waits for."""

from dataclasses import replace

import pytest

from receipts.action.result_parts import ResultProgress
from receipts.journal.halt import Halt
from server.plans import plan_results
from server.plans.stop_reason import StopReason
from server.plans.tally import PlanStatus, Tally
from tests.server.results.statuses import ACTION, RECEIPT, UNITS, done

HALT = Halt("hlt_1", "connection", "okta", False, "lead", "an incident", 0)
STATUSES: tuple[PlanStatus, ...] = (
    "confirmed",
    "not_applied",
    "diverged",
    "unknown",
    "compensated",
    "partial",
    "denied",
    "unavailable",
    "cancelled",
)


def test_progress_counts_what_ended_and_what_was_left_out() -> None:
    answer = plan_results.running(ACTION, Tally(UNITS, {0: done(0)}, {"slack": "gone"}), "revoke[0]")
    assert answer.progress == ResultProgress(done=2, total=4, current="revoke[0]")
    assert answer.summary == "The plan is being carried out: 2 of 4 steps ended; now: revoke[0]."
    assert "now:" not in plan_results.running(ACTION, Tally(UNITS, {}, {}), None).summary


def test_a_halted_plan_says_until_when_it_may_go_on() -> None:
    answer = plan_results.halted(ACTION, Tally(UNITS, {0: done(0)}, {}), HALT, 1_767_000_000_000)
    assert answer.status == "running"
    assert "since a person halted it. So far: 1 done, 3 untouched." in answer.summary
    assert "before 2025-12-29T09:20:00Z" in answer.summary
    by_breaker = plan_results.halted(ACTION, Tally(UNITS, {}, {}), replace(HALT, by="breaker"), 0)
    assert "since the breaker stopped it" in by_breaker.summary
    assert "since it is halted" in plan_results.halted(ACTION, Tally(UNITS, {}, {}), None, 0).summary


def test_one_request_is_made_for_the_whole_plan() -> None:
    answer = plan_results.waiting(ACTION, RECEIPT, [(("Lead", 2),)], 1_767_000_000_000, Tally(UNITS, {}, {}))
    assert answer.summary == "Nothing has been done: the plan of 4 steps needs the approval of 2 Lead."
    assert (answer.status, answer.changed) == ("approval_required", False)


@pytest.mark.parametrize("status", STATUSES)
def test_an_end_says_the_world_first_and_what_to_do_next(status: PlanStatus) -> None:
    tally = Tally(UNITS, {0: done(0)}, {})
    answer = plan_results.concluded(ACTION, RECEIPT, status, tally, StopReason("it was late"), [], "records-oncall")
    world, _, rest = answer.summary.partition(": ")
    assert world
    assert rest == "1 done, 3 untouched. It stopped: it was late."
    assert answer.next
    assert answer.escalated_to == "records-oncall"
    assert ("in effect" in world) is (status in ("confirmed", "partial"))
    if status in ("unknown", "diverged"):
        assert answer.changed is None
        assert answer.next.startswith("Do not re")
        assert "records-oncall has been told" in answer.next


def test_a_plan_that_got_to_its_end_names_no_reason_and_nobody() -> None:
    answer = plan_results.concluded(ACTION, RECEIPT, "confirmed", Tally(UNITS, {0: done(0)}, {}), None, [], None)
    assert "It stopped" not in answer.summary
    assert (answer.escalated_to, answer.checks) == (None, None)
