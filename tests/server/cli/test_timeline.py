"""The timeline of the demo: what a plan's own statements say, and that a call is told once."""

from typing import Any

from pydantic import JsonValue

from server.cli.timeline import steps_of, timeline_of

PLAN: dict[str, JsonValue] = {
    "action": "act_1",
    "agent": "support-bot",
    "contract": {"id": "rotate"},
    "receipt": "rcp_1234567890",
    "calledMs": 1,
    "planOf": {"name": "rotate", "units": 3},
}


def said(predicate: dict[str, JsonValue]) -> list[str]:
    return [what for _, what in steps_of(predicate)]


def test_a_plan_was_looked_at_step_by_step() -> None:
    asked = PLAN | {"kind": "decision", "status": "approval_required", "atMs": 5}
    assert said(asked)[-1] == (
        "all 3 steps were read and decided beforehand: approval_required, once for the whole plan,"
        " signed and logged (rcp_12345678…)"
    )
    steps: list[JsonValue] = [{"state": "undone"}, {"state": "untouched"}, {"state": "undone"}]
    ended = PLAN | {"kind": "outcome", "status": "compensated", "atMs": 9, "steps": steps, "checks": []}
    assert said(ended)[-1] == "2 undone, 1 untouched: compensated, signed and logged (rcp_12345678…)"
    checks: list[JsonValue] = [{"met": True}, {"met": False}]
    assert said(ended | {"checks": checks})[-1].startswith("1 of 2 checks of the whole plan met, 2 undone,")
    # one call, though both statements say when it was
    assert [what for _, what in timeline_of([asked, ended])].count(
        "rotate called by support-bot: arguments parsed"
    ) == 1


def test_a_step_of_a_plan_says_its_tool() -> None:
    step: dict[str, Any] = PLAN | {"kind": "outcome", "status": "confirmed", "atMs": 7, "checks": [{"met": True}]}
    step |= {"plan": {"action": "act_1"}, "contract": {"id": "make_key"}}
    del step["planOf"], step["calledMs"]
    assert said(step) == ["make_key: 1 of 1 checks met: confirmed, signed and logged (rcp_12345678…)"]


def test_what_was_denied_early_was_looked_at_by_nobody() -> None:
    denied = {name: value for name, value in PLAN.items() if name != "planOf"}
    denied |= {"kind": "decision", "status": "denied", "atMs": 2}
    assert said(denied)[-1] == "denied before anything was looked at; signed and logged (rcp_12345678…)"
