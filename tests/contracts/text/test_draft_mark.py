"""Which files say of themselves that they are drafts."""

import pytest

from contracts.text.draft_mark import is_draft, marked


@pytest.mark.parametrize(
    "text", ["draft: true", "contract: a\ndraft: true  # until Monday\nrisk: low\n", "a\r\ndraft: true\r\n"]
)
def test_a_draft(text: str) -> None:
    assert is_draft(text)


@pytest.mark.parametrize(
    "text", ["", "draft: false\n", "  draft: true\n", "# draft: true\n", "draft: trueish\n", "adraft: true"]
)
def test_no_draft(text: str) -> None:
    assert not is_draft(text)


def test_the_mark_stands_below_the_name() -> None:
    assert marked("# a draft\ncontract: a\nversion: 1\n") == "# a draft\ncontract: a\ndraft: true\nversion: 1\n"
    assert is_draft(marked("contract: a\n"))
