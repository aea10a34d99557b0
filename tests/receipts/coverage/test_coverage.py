"""Coverage: one event to one receipt, what cannot be decided apart, and nothing left out."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from contracts.action.target_event import TargetEvent
from receipts.coverage.changes import AttemptSpan, ReceiptedChange
from receipts.coverage.coverage import CoverageRule, TargetCoverage, cover

RULE = CoverageRule(
    actors=frozenset({"us"}),
    actions={"lock": frozenset({"user.lock"})},
    ignore=frozenset({"noise"}),
    since_ms=0,
    until_ms=100_000,
    skew_ms=10,
    late_ms=1_000,
)


def event(
    name: str, at: int, *objects: str, request: str | None = None, actor: str = "us", **more: bool
) -> TargetEvent:
    action = "noise" if name.startswith("n") else "user.lock"
    return TargetEvent(name, at, (actor,), action, objects or ("u1",), request, **more)


def change(
    name: str, at: int, *objects: str, requests: Sequence[str | None] = (None,), **more: bool
) -> ReceiptedChange:
    attempts = tuple(AttemptSpan(at + 100 * n, at + 100 * n + 5, one, False) for n, one in enumerate(requests))
    return ReceiptedChange(name, f"a-{name}", "lock", "confirmed", frozenset(objects or ("u1",)), attempts, **more)


def told(found: TargetCoverage) -> tuple[list[str], list[str], list[tuple[str, int]]]:
    groups = [(group.lacks, group.number) for group in found.ambiguous]
    return [one.id for one in found.unreceipted], [one.receipt for one in found.eventless], groups


def test_a_request_id_tells_which_of_two_equal_changes_has_no_receipt() -> None:
    both = [event("e1", 1000, request="x"), event("e2", 1000, request="r1")]
    found = cover(both, [change("c1", 1000, requests=["r1"])], RULE)
    assert found.matched == {"e2": "c1"}
    assert told(found) == (["e1"], [], [])


def test_without_request_ids_one_of_two_equal_changes_is_ambiguous() -> None:
    found = cover([event("e1", 1000), event("e2", 1001)], [change("c1", 1000)], RULE)
    assert found.matched == {}
    assert told(found) == ([], [], [("receipt", 1)])


def test_one_event_never_counts_for_two_receipts() -> None:
    found = cover([event("e1", 1002)], [change("c1", 1000), change("c2", 1001)], RULE)
    assert told(found) == ([], [], [("event", 1)])


def test_a_request_id_that_was_used_again_is_no_receipt_for_another_object() -> None:
    reused = event("e2", 1003, "u2", request="r1")
    found = cover([event("e1", 1000, request="r1"), reused], [change("c1", 1000, requests=["r1"])], RULE)
    assert found.matched == {"e1": "c1"}
    assert told(found) == (["e2"], [], [])


def test_a_request_id_twice_on_the_same_object_is_ambiguous() -> None:
    twice = [event("e1", 1000, request="r1"), event("e2", 1001, request="r1")]
    assert told(cover(twice, [change("c1", 1000, requests=["r1"])], RULE)) == ([], [], [("receipt", 1)])


def test_a_repeated_send_may_have_two_events_and_no_third() -> None:
    events = [event("e1", 1000), event("e2", 1100), event("e3", 1101)]
    assert told(cover(events[:2], [change("c1", 1000, requests=[None, None])], RULE)) == ([], [], [])
    third = cover(events, [change("c1", 1000, requests=[None, None])], RULE)
    assert told(third) == ([], [], [("receipt", 1)])


def test_what_has_only_a_part_in_common_is_said_apart() -> None:
    found = cover([event("e1", 1000, "u1", "g9")], [change("c1", 1000, "u1", "g1")], RULE)
    assert told(found) == ([], [], [("match", 1)])


def test_others_failures_and_ignored_actions_are_counted_and_not_listed() -> None:
    events = [event("e1", 1, actor="ada"), event("e2", 2, is_change=False), event("n3", 3)]
    found = cover(events, [], RULE)
    assert (found.foreign, found.ignored, told(found)) == (2, 1, ([], [], []))


def test_another_action_another_time_and_another_object_are_no_match() -> None:
    other = TargetEvent("e1", 1000, ("us",), "user.delete", ("u1",), None)
    found = cover([other, event("e2", 1016), event("e3", 1000, "u2")], [change("c1", 1000)], RULE)
    assert told(found) == (["e1", "e3", "e2"], ["c1"], [])


def test_an_open_action_and_one_at_the_edge_lack_no_event_but_explain_one() -> None:
    edge = change("c2", RULE.until_ms - 5)
    assert told(cover([], [change("c1", 1000, open=True), edge], RULE)) == ([], [], [])
    assert cover([event("e1", 1003)], [change("c1", 1000, open=True)], RULE).matched == {"e1": "c1"}


EVENTS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.sampled_from([None, "r1", "r2"])), max_size=7)


@given(EVENTS, EVENTS)
def test_nothing_is_left_out_and_nothing_counts_twice(happened: list[tuple[int, str, str | None]], said: list) -> None:  # type: ignore[type-arg]
    events = [event(f"e{n}", 500 + at, who, request=request) for n, (at, who, request) in enumerate(happened)]
    changes = [change(f"c{n}", 500 + at, who, requests=[request]) for n, (at, who, request) in enumerate(said)]
    found = cover(events, changes, RULE)
    doubted = {one.id for group in found.ambiguous for one in group.events}
    lone = {one.id for one in found.unreceipted}
    assert lone | doubted | set(found.matched) == {one.id for one in events}
    assert lone.isdisjoint(found.matched)
    assert len(set(found.matched.values())) == len(found.matched)
    # as many findings as a count alone proves: each surplus shows
    lacking = len(found.unreceipted) + sum(g.number for g in found.ambiguous if g.lacks != "event")
    assert lacking >= len(events) - len(changes)
    again = cover(list(reversed(events)), changes, RULE)
    assert told(again) == told(found)
    assert again.matched == found.matched
