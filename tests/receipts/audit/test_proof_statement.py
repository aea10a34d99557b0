"""Only the canonical text of an in-toto statement counts, with its type and its kind."""

from typing import Any

import orjson
import pytest

from contracts.canonical import canonical
from contracts.errors import AilyusError
from receipts.audit.proof_statement import statement_of
from tests.receipts.making import SIGNER

WHOLE: dict[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicateType": "https://ailyus.dev/halt/v1",
    "predicate": {"kind": "halt", "receipt": "rcp_1", "action": None},
    "subject": [{"name": "all/*", "digest": {"sha256": "a" * 64}}],
}


def test_a_statement_is_read_with_its_place_and_its_subjects() -> None:
    one = statement_of(SIGNER.envelope(canonical(WHOLE)), 7)
    assert (one.index, one.receipt, one.action, one.subjects) == (7, "rcp_1", None, {"all/*": "a" * 64})
    acting = {**WHOLE, "predicate": {**WHOLE["predicate"], "action": "act_1"}}
    assert statement_of(SIGNER.envelope(canonical(acting)), 7).action == "act_1"


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://ailyus.dev/key/v1"},
        {"predicate": {"kind": "halt", "receipt": 1}},
        {"predicate": {"kind": "halt"}},
        {"predicate": None},
        {"subject": [{"name": "x"}]},
        {"subject": None},
        {"subject": [{"name": "x", "digest": "a"}]},
    ],
)
def test_another_form_is_no_statement(change: dict[str, Any]) -> None:
    with pytest.raises(AilyusError, match="a payload is not a canonical in-toto statement") as caught:
        statement_of(SIGNER.envelope(canonical({**WHOLE, **change})), 7)
    assert caught.value.code == "not_authentic"


@pytest.mark.parametrize(
    "payload",
    [
        orjson.dumps(WHOLE, option=orjson.OPT_INDENT_2),
        canonical(WHOLE) + b" ",
        canonical(WHOLE)[:-1] + b',"subject":[]}',
        orjson.dumps({**WHOLE, "x": 1.5}, option=orjson.OPT_SORT_KEYS),
        b"[]",
        b"7",
        b"",
        b"\xff",
    ],
)
def test_another_text_of_the_same_statement_is_none(payload: bytes) -> None:
    with pytest.raises(AilyusError, match="a payload is not a canonical in-toto statement"):
        statement_of(SIGNER.envelope(payload), 7)
