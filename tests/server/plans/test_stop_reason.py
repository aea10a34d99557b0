"""Why a plan stopped: rows keep their bytes, and nothing depends on the words."""

from dataclasses import replace

import pytest

from server.plans.stop_reason import ABANDONED, CANCELLED, IN_DOUBT, LATE, NOT_AS_EXPECTED, NOT_READ, StopReason
from server.plans.tally import Tally
from tests.server.results.statuses import UNITS

REASONS = (CANCELLED, LATE, ABANDONED, IN_DOUBT, NOT_AS_EXPECTED, NOT_READ, StopReason("the step rotate ended denied"))


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.sentence)
def test_a_stored_reason_is_the_same_again(reason: StopReason) -> None:
    assert StopReason.of(reason.stored) == reason


def test_the_row_of_a_cancelled_plan_keeps_its_bytes() -> None:
    assert CANCELLED.stored == "it was cancelled"
    assert [reason for reason in REASONS if reason.is_cancellation] == [CANCELLED]


def test_better_words_change_nothing_that_is_done() -> None:
    worded = replace(CANCELLED, sentence="its agent ended it")
    tally = Tally(UNITS, {}, {})
    assert worded.stored == CANCELLED.stored
    assert tally.status(worded) == tally.status(CANCELLED) == "cancelled"
    assert tally.status(StopReason("its agent ended it")) == "not_applied"
