"""Golden results: one file per status, byte for byte, and each channel alone is enough.

Write them anew after a deliberate change with `uv run python -m tests.server.test_answers`.
"""

import pytest

from receipts.reconciliation import Checked
from server.console.actions import check_row
from server.results import answers
from tests.server.results import ACTION, RECEIPT, RESULTS, encoded, ended
from tests.world import ROOT

FOLDER = ROOT / "tests" / "vectors" / "results"


@pytest.mark.parametrize("name", RESULTS)
def test_byte_for_byte(name: str) -> None:
    assert encoded(RESULTS[name]) == (FOLDER / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", RESULTS)
def test_each_channel_alone_is_enough(name: str) -> None:
    answer = RESULTS[name]
    text = answers.text_of(answer)
    assert len(text) <= answers.MAX_TEXT
    assert text.startswith(str(answer["status"]).upper() + ": ")
    assert str(answer["next"]) in text
    assert answer["next"]
    for key in ("action_id", "receipt_id"):
        assert key in answer
        assert answer[key] is None or str(answer[key]) in text
    assert set(answers.OUTPUT_SCHEMA["required"]) <= set(answer)  # type: ignore[arg-type]
    first = str(answer["summary"]).lower()
    for bare in ("failed", "success", "processed", "error"):
        assert bare not in first


def test_a_long_result_keeps_its_ids_and_next() -> None:
    answer = answers.read(ACTION, RECEIPT, {"users": ["x" * 100] * 100}, 1)
    text = answers.text_of(answer)
    assert len(text) <= answers.MAX_TEXT
    assert RECEIPT in text
    assert str(answer["next"]) in text


def test_what_was_not_read_is_not_found() -> None:
    check = Checked("a factor is enrolled", False, "no factor is enrolled", "`factors` could not be read: 503")
    assert check_row(check.fact) == {
        "state": "unread",
        "text": "not read: whether no factor is enrolled is not known, because `factors` could not be read: 503",
    }
    assert check_row(Checked("a factor is enrolled", False, "no factor is enrolled").fact) == {
        "state": "unmet",
        "text": "found: a factor is enrolled",
    }
    assert check_row(Checked("a factor is enrolled", True, "no factor is enrolled").fact) == {
        "state": "met",
        "text": "met: no factor is enrolled",
    }
    answer = ended("unknown", check, changed=None, answered=200)
    assert "NOT READ: whether no factor is enrolled is not known" in answers.text_of(answer)
    assert (
        answer["summary"]
        == "It may or may not have happened: the target answered 200, and the record could not be read."
    )


def test_instructions_are_short() -> None:
    assert len(answers.INSTRUCTIONS) <= 2000


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for result, content in RESULTS.items():
        (FOLDER / f"{result}.json").write_bytes(encoded(content))
