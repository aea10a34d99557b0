"""Golden results: one file per status, byte for byte, and each channel alone is enough.

Write them anew after a deliberate change with `uv run python -m tests.server.results.test_answers`.
"""

from dataclasses import fields

import jsonschema
import orjson
import pytest

from receipts.action.action_result import ActionResult
from receipts.reconciliation.checks import CheckResult
from server.console.action_rows import check_row
from server.mcp.instructions import INSTRUCTIONS
from server.results import answers
from server.results.output_schema import OUTPUT_SCHEMA
from server.results.text import MAX_TEXT, text_of
from tests.server.results.statuses import ACTION, RECEIPT, RESULTS, encoded, ended
from tests.world import ROOT

FOLDER = ROOT / "tests" / "vectors" / "results"


@pytest.mark.parametrize("name", RESULTS)
def test_byte_for_byte(name: str) -> None:
    assert encoded(RESULTS[name]) == (FOLDER / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", RESULTS)
def test_each_channel_alone_is_enough(name: str) -> None:
    answer = RESULTS[name]
    text = text_of(answer)
    assert len(text) <= MAX_TEXT
    assert text.startswith(answer.status.upper() + ": ")
    assert answer.next in text
    assert answer.next
    for id_ in (answer.action_id, answer.receipt_id):
        assert id_ is None or id_ in text
    assert set(OUTPUT_SCHEMA["required"]) <= set(answer.document())  # type: ignore[arg-type]
    first = answer.summary.lower()
    for bare in ("failed", "success", "processed", "error"):
        assert bare not in first


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_fits_the_published_schema(name: str) -> None:
    jsonschema.validate(RESULTS[name].document(), OUTPUT_SCHEMA)


def test_the_published_schema_is_of_the_model() -> None:
    text = orjson.dumps(OUTPUT_SCHEMA).decode()
    assert "$" not in text  # not every client follows references
    assert "default" not in text
    properties = OUTPUT_SCHEMA["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == [field.name for field in fields(ActionResult) if field.name != "extra"]
    assert OUTPUT_SCHEMA["required"] == ["status", "summary", "next", "action_id", "receipt_id"]
    for wrong in ({"status": "splendid"}, {"changed": "yes"}, {"steps": [{}]}, {"error": {}}, {"outputs": None}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(RESULTS["confirmed"].document() | wrong, OUTPUT_SCHEMA)


def test_a_long_result_keeps_its_ids_and_next() -> None:
    answer = answers.read(ACTION, RECEIPT, {"users": ["x" * 100] * 100}, 1)
    text = text_of(answer)
    assert len(text) <= MAX_TEXT
    assert RECEIPT in text
    assert answer.next in text


def test_what_was_not_read_is_not_found() -> None:
    check = CheckResult("a factor is enrolled", False, "no factor is enrolled", "`factors` could not be read: 503")
    assert check_row(check.fact) == {
        "state": "unread",
        "text": "not read: whether no factor is enrolled is not known, because `factors` could not be read: 503",
    }
    assert check_row(CheckResult("a factor is enrolled", False, "no factor is enrolled").fact) == {
        "state": "unmet",
        "text": "found: a factor is enrolled",
    }
    assert check_row(CheckResult("a factor is enrolled", True, "no factor is enrolled").fact) == {
        "state": "met",
        "text": "met: no factor is enrolled",
    }
    answer = ended("unknown", check, changed=None, answered=200)
    assert "NOT READ: whether no factor is enrolled is not known" in text_of(answer)
    assert (
        answer.summary == "It may or may not have happened: the target answered 200, and the record could not be read."
    )


def test_instructions_are_short() -> None:
    assert len(INSTRUCTIONS) <= 2000


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for result, content in RESULTS.items():
        (FOLDER / f"{result}.json").write_bytes(encoded(content))
