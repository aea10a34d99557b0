"""Placeholders of a line: in braces or angle brackets, and nothing else that stands in them."""

import pytest

from contracts.drafts.curl_line import HOLE, CurlLine


@pytest.mark.parametrize("text", ["{id}", "<id>", "{User_2}", "<_x>"])
def test_a_placeholder(text: str) -> None:
    found = HOLE.fullmatch(text)
    assert found is not None
    assert (found[1] or found[2]) == text[1:-1]


@pytest.mark.parametrize("text", ["{}", "<>", "{1}", "{a-b}", "{a,b}", "<a b>", "{a>", "id"])
def test_no_placeholder(text: str) -> None:
    assert HOLE.fullmatch(text) is None


def test_two_lines_share_no_part() -> None:
    one, other = CurlLine(), CurlLine()
    one.query.append(("a", "b"))
    one.headers["a"] = "b"
    one.notes.append("n")
    assert (other.query, other.headers, other.notes) == ([], {}, [])
