"""Each part of a result is read as it was written, keeps what it does not know, and is none in another form."""

from typing import Any

import pytest

from receipts.action.result_parts import (
    ResultApproval,
    ResultCheck,
    ResultError,
    ResultProgress,
    ResultStep,
    Would,
    WouldStep,
)

WHOLE: list[tuple[Any, dict[str, Any]]] = [
    (ResultCheck, {"that": "it is so", "met": None}),
    (ResultApproval, {"needs": "a lead", "expires_at": "2027-01-15T08:00:00Z", "url": "http://localhost/a"}),
    (ResultProgress, {"done": 1, "total": 3, "current": None}),
    (
        ResultStep,
        {
            "id": "1", "tool": "t", "state": "done", "action_id": "act", "receipt_id": "rcp", "kept": "k", "item": "i",
            "because": "b",
        },
    ),
    (
        WouldStep,
        {"id": "1", "tool": "t", "says": "s", "shows": {"a": 1}, "needs": "n", "undo": "u", "checks": ["c"]},
    ),
    (
        Would,
        {
            "says": "s", "shows": {"a": 1}, "needs": "n", "undo": "u", "checks": ["c"],
            "steps": [{"id": "1", "says": "s"}],
        },
    ),
    (ResultError, {"code": "expired", "field": "", "hint": "call again"}),
]  # fmt: skip
NEEDED = {
    ResultCheck: ("that", "met"),
    ResultApproval: ("needs", "expires_at"),
    ResultProgress: ("done", "total", "current"),
    ResultStep: ("id", "tool", "state"),
    WouldStep: ("id", "says"),
    Would: ("says", "needs", "undo", "checks"),
    ResultError: ("code", "field", "hint"),
}


@pytest.mark.parametrize(("part", "document"), WHOLE)
def test_it_is_read_as_it_was_written_with_what_it_does_not_know(part: Any, document: dict[str, Any]) -> None:
    assert part.of(document).document() == document
    assert list(part.of(document).document()) == list(document)
    later = {**document, "added_later": [1]}
    assert part.of(later).extra == {"added_later": [1]}
    assert part.of(later).document() == later


@pytest.mark.parametrize(("part", "document"), WHOLE)
def test_without_what_it_needs_it_is_none(part: Any, document: dict[str, Any]) -> None:
    needed = {name: document[name] for name in NEEDED[part]}
    assert part.of(needed).document() == needed
    for name in NEEDED[part]:
        assert part.of({n: v for n, v in document.items() if n != name}) is None, name
        assert part.of({**document, name: 1.5}) is None, name


def test_what_need_not_be_there_and_has_another_form_is_kept_as_it_is() -> None:
    document = {"id": "1", "tool": "t", "state": "done", "kept": {"why": "changed"}}
    step = ResultStep.of(document)
    assert step is not None
    assert (step.kept, step.extra) == (None, {"kept": {"why": "changed"}})
    assert step.document() == document
