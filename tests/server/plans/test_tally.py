"""What became of each step of a plan, and what that makes of the whole."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from server.execution.attempt import PendingEnd
from server.plans.stop_reason import CANCELLED, StopReason
from server.plans.tally import MAX_NAMED_OUT, NOT_THERE, StepEnd, Tally
from tests.receipts.making import action, told
from tests.server.results.statuses import UNITS, done

LATE = StopReason("it was late")
ENDS = st.builds(
    StepEnd,
    st.just("k"),
    st.sampled_from(["confirmed", "not_applied", "diverged", "unknown", "denied", "unavailable"]),
    st.just("act"),
    st.just("rcp"),
    st.just({}),
    st.sampled_from([True, False, None]),
    undone=st.booleans(),
)


@pytest.mark.parametrize(
    ("end", "word"),
    [
        (done(0), "done"),
        (replace(done(0), changed=False), "already_so"),
        (done(0, undone=True), "undone"),
        (done(0, "not_applied"), "not_applied"),
        (done(0, "unknown"), "unknown"),
    ],
)
def test_each_end_has_its_word(end: StepEnd, word: str) -> None:
    assert end.state == word
    assert end.doubtful is (word == "unknown")


def test_an_end_is_told_by_this_process_and_by_its_row_alike() -> None:
    one = action()
    answer = ActionResult(
        status="confirmed", summary="", next="", action_id=one.id, receipt_id="rcp_1", changed=True, outputs={"id": "k"}
    )
    pending = PendingEnd(one, "confirmed", answer, lambda txn: None)
    row = replace(one, state="ended", status="confirmed", result=answer, sent_ms=5)
    assert StepEnd.ended("one", pending) == StepEnd.of("one", row)
    assert StepEnd.of("one", row).outputs == {"id": "k"}


def test_nothing_sent_and_not_applied_is_a_condition_that_does_not_hold() -> None:
    pending = PendingEnd(
        action(), "not_applied", told("not_applied"), lambda t: None, unsent=True, because="it is closed"
    )
    ended = StepEnd.ended("one", pending)
    assert (ended.unmet, ended.because, ended.changed) == (True, "it is closed", None)
    row = replace(action(), state="ended", status="not_applied", result=told("not_applied"))
    assert StepEnd.of("one", row).unmet
    assert not StepEnd.of("one", replace(row, sent_ms=5)).unmet


def test_a_step_that_ended_without_a_result_is_a_corrupt_store() -> None:
    with pytest.raises(AilyusError, match="has ended without a result") as fault:
        StepEnd.of("one", replace(action(), state="ended", result=None))
    assert fault.value.code == "store_corrupt"


@pytest.mark.parametrize(
    ("ends", "reason", "status"),
    [
        ((), LATE, "not_applied"),
        ((), CANCELLED, "cancelled"),
        ((done(0),), LATE, "partial"),
        ((done(0, undone=True), done(1, "not_applied")), LATE, "compensated"),
        ((done(0, undone=True),), CANCELLED, "compensated"),
        ((done(0), done(1, "unknown")), LATE, "unknown"),
        ((done(0, "diverged"), done(1, "denied")), LATE, "diverged"),
        ((done(0, "denied"),), LATE, "denied"),
        ((done(0, "unavailable"), done(1, "denied")), LATE, "unavailable"),
    ],
)
def test_the_status_of_a_plan_that_stopped(ends: tuple[StepEnd, ...], reason: StopReason, status: Status) -> None:
    assert Tally(UNITS, dict(enumerate(ends)), {}).status(reason) == status


@settings(max_examples=100)
@given(st.lists(ENDS, max_size=4), st.booleans())
def test_nothing_in_effect_or_in_doubt_is_told_as_nothing(ends: list[StepEnd], cancelled: bool) -> None:
    tally = Tally(UNITS, dict(enumerate(ends)), {})
    status = tally.status(CANCELLED if cancelled else LATE)
    if any(end.doubtful for end in ends):
        assert status in ("unknown", "diverged")
        assert tally.changed(status) is None
        assert tally.needs_a_person(status)
    elif any(end.confirmed and end.changed and not end.undone for end in ends):
        assert status == "partial"
        assert tally.changed(status) is True
    else:
        assert status not in ("partial", "unknown", "diverged")
        assert tally.changed(status) is False
    assert sum(tally.counts.values()) == len(UNITS)


def test_a_plan_that_got_to_its_end_is_whole_only_if_nothing_was_left_out() -> None:
    every = {n: done(n) for n in range(4)}
    assert Tally(UNITS, every, {}).whole == "confirmed"
    assert Tally(UNITS, {0: done(0)}, {"slack": "gone"}).whole == "partial"
    assert Tally(UNITS, {}, {"slack": "gone"}).whole == "not_applied"


def test_what_was_left_out_is_named_with_why_up_to_a_number() -> None:
    tally = Tally(UNITS, {}, {"slack": "gone", "rotate": "closed"}, {"rotate": "it is closed"})
    assert tally.out == f" Left out: rotate (it is closed), slack ({NOT_THERE})."
    (rotate, *_) = tally.steps
    assert (rotate.state, rotate.because) == ("left_out", "it is closed")
    many = tuple(replace(UNITS[0], key=f"each[{n}]", item=f"item-{n}") for n in range(MAX_NAMED_OUT + 3))
    said = Tally(many, {}, {unit.key: "gone" for unit in many}).out
    assert said.endswith(" and 3 more.")
    assert said.count("item-") == MAX_NAMED_OUT
    assert Tally(UNITS, {}, {}).out == ""


def test_an_item_whose_condition_fails_on_the_way_is_left_out_only_where_its_author_says_so() -> None:
    unmet = replace(done(0, "not_applied"), unmet=True)
    lenient = (replace(UNITS[0], skip_unmet=True), *UNITS[1:])
    assert Tally(lenient, {0: unmet}, {}).state(0) == "left_out"
    assert Tally(UNITS, {0: unmet}, {}).state(0) == "not_applied"


def test_a_receipt_says_each_step_and_no_item() -> None:
    units = (replace(UNITS[0], item="maria@example.com"),)
    tally = Tally(units, {0: done(0, kept="somebody else changed it since")}, {})
    (fact,) = tally.facts
    assert (fact.id, fact.state, fact.wave, fact.kept) == ("rotate", "done", 1, "somebody else changed it since")
    assert "maria" not in fact.model_dump_json()
    assert tally.steps[0].item == "maria@example.com"


def test_who_keeps_what_is_there_and_what_a_person_must_do() -> None:
    kept = replace(done(0), kept="slack took what it made and keeps it", held_by="slack")
    tally = Tally(UNITS[:2], {0: kept, 1: done(1, "unknown")}, {})
    assert tally.stays == (
        " rotate stays, because slack took what it made and keeps it. A person must finish slack, or take back slack"
        " and then rotate."
    )
    assert Tally(UNITS, {0: done(0)}, {}).stays == ""


def test_the_counts_as_words() -> None:
    tally = Tally(UNITS, {0: done(0), 1: done(1, "unknown")}, {"revoke[0]": "gone"})
    assert tally.sentence == "1 done, 1 untouched, 1 left out, 1 unknown"


def test_a_person_is_told_of_a_part_only_where_something_failed() -> None:
    optional = (replace(UNITS[0], optional=True), UNITS[1])
    fine = Tally(optional, {0: done(0, "not_applied"), 1: done(1)}, {})
    assert not fine.needs_a_person("partial")
    assert Tally(UNITS[:2], {0: done(0, "not_applied"), 1: done(1)}, {}).needs_a_person("partial")
    assert Tally(UNITS[:2], {0: done(0)}, {}).needs_a_person("partial")
    assert not Tally(UNITS[:2], {0: done(0)}, {}).needs_a_person("cancelled")
