"""The result of a fault: what a contract must never do is named, and everything else passes."""

import pytest

from server.contract_testing.fault_result import Row


@pytest.mark.parametrize(
    ("status", "effects", "done", "wrong"),
    [
        ("confirmed", 1, True, ""),
        ("unknown", 1, True, ""),
        ("not_applied", 0, False, ""),
        ("unknown", 2, True, "done twice"),
        ("confirmed", 0, False, "confirmed, and it is not so"),
        ("not_applied", 1, True, "not_applied, and it is so"),
    ],
)
def test_a_status_that_the_target_contradicts_is_wrong(status: str, effects: int, done: bool, wrong: str) -> None:
    assert Row("lost reply", status, 1, effects, done).wrong == wrong


def test_what_an_adapter_must_never_do_comes_first() -> None:
    assert Row("lost reply", "confirmed", 2, 2, True, "it sent again by itself").wrong == "it sent again by itself"


def test_a_fault_that_met_nothing_was_not_tried() -> None:
    row = Row("lost reply", "confirmed", 0, 0, True)
    assert row.wrong == ""
    assert row.verdict.startswith("not tried: it was so already")
    assert Row("429", "unavailable", 0, 0, False).verdict == "ok"
    assert Row("lie", "confirmed", 1, 0, False).verdict == "confirmed, and it is not so"
