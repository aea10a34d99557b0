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
