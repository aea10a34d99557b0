"""What an agent is told: its document holds what was set, and reading it back loses nothing."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.canonical import sha256
from contracts.errors import AilyusError
from receipts.action.action_result import ActionResult
from receipts.action.result_document import UNSET, Part
from receipts.action.result_parts import (
    ResultApproval,
    ResultCheck,
    ResultError,
    ResultFault,
    ResultProgress,
    ResultStep,
    Would,
    WouldStep,
)

GOLDEN = sorted((Path(__file__).parents[2] / "vectors" / "results").glob("*.json"))
ALWAYS = {"status": "running", "summary": "s", "next": "n", "action_id": None, "receipt_id": None}
WORDS, NUMBERS = st.text(max_size=3), st.integers(-(2**50), 2**50)
VALUES = st.dictionaries(WORDS, NUMBERS | st.none(), max_size=2)


def parts(kind: type[Part], **special: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any part of a kind; a field that is not special is a text."""
    return st.builds(kind, **{f.name: special.get(f.name, WORDS) for f in fields(kind) if f.name != "extra"})


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=2).map(tuple)


STEP = parts(ResultStep, **{name: maybe(WORDS) for name in ("action_id", "receipt_id", "kept", "item", "because")})
WOULD_STEP = parts(
    WouldStep,
    tool=maybe(WORDS), shows=maybe(VALUES), needs=maybe(WORDS), undo=maybe(WORDS), checks=maybe(several(WORDS)),
)  # fmt: skip
RESULT = st.builds(
    ActionResult,
    status=st.sampled_from(["confirmed", "running", "unknown"]),
    summary=WORDS,
    next=WORDS,
    action_id=maybe(WORDS),
    receipt_id=maybe(WORDS),
    changed=st.sampled_from([UNSET, None, True, False]),
    approval=maybe(parts(ResultApproval, url=maybe(WORDS))),
    progress=maybe(parts(ResultProgress, done=NUMBERS, total=NUMBERS, current=maybe(WORDS))),
    steps=maybe(several(STEP)),
    would=maybe(parts(Would, shows=maybe(VALUES), checks=several(WORDS), steps=maybe(several(WOULD_STEP)))),
    checks=maybe(several(parts(ResultCheck, met=st.sampled_from([True, False, None])))),
    escalated_to=maybe(WORDS),
    outputs=maybe(VALUES),
    data=maybe(VALUES),
    from_outside=maybe(several(WORDS)),
    error=maybe(parts(ResultError, also=maybe(several(parts(ResultFault))))),
)


@given(RESULT)
def test_a_document_that_is_read_is_the_result_again(result: ActionResult) -> None:
    document = result.document()
    again = ActionResult.of(document)
    assert again == result
    assert not again.extra
    assert ActionResult.unpacked(result.packed) == result
    assert ("changed" in document) is (result.changed is not UNSET)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_stored_bytes_stay_as_they_are(path: Path) -> None:
    stored = orjson.dumps(orjson.loads(path.read_bytes())["structuredContent"])
    result = ActionResult.unpacked(stored)
    assert result.packed == stored
    assert result.digest == sha256(stored)
    assert not result.extra


def test_only_what_was_set_is_written() -> None:
    assert ActionResult.of(ALWAYS).document() == ALWAYS
    for said in ({"changed": None}, {"changed": False}, {"steps": []}, {"outputs": {}}, {"checks": []}):
        assert ActionResult.of(ALWAYS | said).document() == ALWAYS | said


@pytest.mark.parametrize(
    "other",
    [
        {"mood": "good", "weather": {"rain": [1, None]}},
        {"escalated_to": None, "outputs": None, "steps": None, "changed": "perhaps"},
        {"checks": [{"that": "it is so", "met": True, "at": 5}, {"that": "it is not", "met": None}]},
        {"checks": ["it is so"], "error": {"code": "c"}, "progress": {"done": "one"}, "from_outside": [1]},
        {"steps": [{"id": "one", "tool": "t", "state": "done", "kept": None, "took_ms": 3}, {"id": "two"}]},
        {"would": {"says": "s", "needs": "", "undo": "u", "checks": [], "steps": [{"id": "one"}], "price": 1}},
        {"approval": {"needs": "a", "expires_at": "t", "url": None, "by": "page"}},
    ],
)
def test_nothing_of_another_form_is_lost(other: dict[str, Any]) -> None:
    document = ALWAYS | other
    result = ActionResult.of(document)
    assert result.document() == document
    assert ActionResult.of(result.document()) == result


@pytest.mark.parametrize(
    "wrong",
    [{}, {"status": "running"}, ALWAYS | {"status": "splendid"}, ALWAYS | {"next": 1}, ALWAYS | {"summary": None}],
)
def test_what_never_was_a_result_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AilyusError) as caught:
        ActionResult.of(wrong)
    assert caught.value.code == "store_corrupt"
