"""A receipt read aloud: six plain sentences, values in backticks."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.results.receipt_summary import summarize

OUTCOME: dict[str, Any] = {
    "kind": "outcome",
    "status": "confirmed",
    "changed": True,
    "atMs": 1_767_000_000_000,
    "action": "act_1",
    "agent": "support-bot",
    "tenant": "acme",
    "connection": "okta",
    "contract": {"id": "reset_user_mfa", "version": 1},
    "decision": {"policies": {"agent": ["support-may"], "person": []}},
    "attempts": [{"attempt": 1, "method": "POST", "status": 200, "via": "http", "identity": ""}],
    "checks": [{"that": "a", "met": True}, {"that": "b", "met": None}],
    "observer": "separate_credential",
    "governed": True,
}


def test_it_says_what_happened_who_asked_what_decided_how_it_was_sent_and_where_it_was_seen() -> None:
    assert summarize(OUTCOME) == [
        "At 2025-12-29T09:20:00Z the action `act_1` was `confirmed`: something changed.",
        "It was `reset_user_mfa` version 1 on the connection `okta`, asked for by the agent `support-bot` for a person "
        "of `acme`.",
        "Cedar decided for the agent by `support-may`; for the person by no policy.",
        "Attempt 1 was a POST; the target answered 200.",
        "Read back through `separate_credential`, 1 of 2 checks were met; 1 could not be read.",
        "It was decided under a released set.",
    ]


def test_the_reason_of_a_no_comes_first() -> None:
    first, *_ = summarize({**OUTCOME, "status": "denied", "changed": False}, "no approval is enough")
    assert first == "Denied: no approval is enough."


def test_a_send_without_an_answer_and_pages_are_told_as_they_were() -> None:
    attempt = {
        "attempt": 2,
        "method": "flow",
        "fault": "no answer in time",
        "via": "browser",
        "identity": "ops",
        "notes": ["the button said Save"],
    }
    lines = summarize({**OUTCOME, "attempts": [attempt], "changed": None, "governed": False, "drifted": ["a.b"]})
    assert "Attempt 2 was a flow through `browser` as `ops`; the target gave no answer (`no answer in time`)." in lines
    assert "On the page, the button said Save." in lines
    assert "This changed with it and should not have: `a.b`." in lines
    assert lines[0].endswith("it is not known whether something changed.")
    assert lines[-1] == "It was decided under a development set (`governed: false`)."


def test_a_plan_is_counted_by_what_became_of_its_steps() -> None:
    plan = {**OUTCOME, "steps": [{"state": "done"}, {"state": "done"}, {"state": "untouched"}], "reason": "it was late"}
    assert "It was a plan of 3 steps: 2 done, 1 untouched; it stopped because it was late." in summarize(plan)
    passed = summarize({**OUTCOME, "skipped": [{"route": 0, "why": "breaker"}]})
    assert "Route 0 was passed over: breaker." in passed


def test_a_statement_of_the_gateway_itself_says_what_it_is_about() -> None:
    said = {"kind": "halt", "atMs": 0, "action": None, "about": {"event": "halted", "scope": "all"}}
    assert summarize(said) == [
        "This is a `halt` statement of 1970-01-01T00:00:00Z.",
        "event: `halted`",
        "scope: `all`",
    ]


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted(OUTCOME)), st.none() | st.just([]) | st.just("x") | st.just([1, {}])))
def test_any_part_may_be_missing_or_of_another_form(parts: dict[str, Any]) -> None:
    assert all(isinstance(line, str) for line in summarize({**OUTCOME, **parts}))
    assert summarize(parts)
