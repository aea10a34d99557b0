"""The arguments that the gateway adds to a tool: what a reason may be, and names that no input may have."""

import jsonschema_rs
import pytest

from contracts.compiler.agent_arguments import OPTIONAL_REASON, PREVIEW, REASON, RESERVED


@pytest.mark.parametrize(
    ("length", "asked", "unasked"),
    [(0, False, True), (9, False, True), (10, True, True), (300, True, True), (301, False, False)],
)
def test_a_reason_that_is_asked_for_has_some_words_and_one_that_is_not_may_have_none(
    length: int, asked: bool, unasked: bool
) -> None:
    assert jsonschema_rs.validator_for(dict(REASON)).is_valid("x" * length) is asked
    assert jsonschema_rs.validator_for(dict(OPTIONAL_REASON)).is_valid("x" * length) is unasked


def test_a_preview_is_a_truth_and_each_argument_has_a_name_of_its_own() -> None:
    assert not jsonschema_rs.validator_for(dict(PREVIEW)).is_valid("true")
    assert {"reason", "preview", "connection"} == RESERVED
