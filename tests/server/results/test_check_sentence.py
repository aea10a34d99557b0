"""A check as a sentence: true of what was observed, or saying why nothing was."""

import pytest

from receipts.action.result_parts import ResultCheck
from receipts.reconciliation.checks import CheckResult
from server.results.check_sentence import checks_of, said_of

CASES = {
    "an expectation that is met": (
        CheckResult("the record has another value", True, "the value is new"),
        "the value is new",
    ),
    "an expectation that is not": (
        CheckResult("the record has another value", False, "the value is new"),
        "the record has another value",
    ),
    "an expectation that was not read": (
        CheckResult("the record has another value", False, "the value is new", "503"),
        "whether the value is new is not known, because 503",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sentence_fits_what_was_seen(case: str) -> None:
    check, sentence = CASES[case]
    assert said_of(check.fact) == sentence


@pytest.mark.parametrize(
    ("met", "sentence"),
    [
        (True, "ruled out: the user is an admin"),
        (False, "the user is an admin"),
        (None, "whether this is so: the user is an admin; is not known, because 503"),
    ],
)
def test_what_must_not_be_has_one_sentence_only(met: bool | None, sentence: str) -> None:
    assert said_of({"that": "the user is an admin", "met": met, "notRead": "503"}) == sentence


def test_what_was_not_read_is_neither_met_nor_unmet() -> None:
    assert checks_of([check for check, _ in CASES.values()]) == (
        ResultCheck(that="the value is new", met=True),
        ResultCheck(that="the record has another value", met=False),
        ResultCheck(that="whether the value is new is not known, because 503", met=None),
    )
