"""Texts of pages as a person reads them."""

import pytest

from adapters.browser.screenshots import collapsed


@pytest.mark.parametrize(
    ("text", "read"),
    [("  a \n\t b  ", "a b"), ("a\u00a0b", "a b"), ("", ""), (" \n ", ""), ("a", "a"), ("a\u2003\u2003b", "a b")],
)
def test_runs_of_white_space_are_one_space(text: str, read: str) -> None:
    assert collapsed(text) == read
    assert collapsed(collapsed(text)) == collapsed(text)
