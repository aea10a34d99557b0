"""URLs of a line: the base URL, the path below it and the query; a user in it is dropped."""

import pytest

from contracts.drafts.curl_line import CurlLine
from contracts.drafts.curl_url import place
from contracts.errors import AilyusError


def placed(url: str, base_url: str = "", more: str = "", glob: bool = True) -> CurlLine:
    line = CurlLine(base_url)
    place(line, url, more, glob=glob)
    return line


@pytest.mark.parametrize(
    ("url", "base_url", "parts"),
    [
        ("https://d.example/api/x?a=1", "", ("https://d.example", "/api/x", [("a", "1")])),
        ("https://d.example", "", ("https://d.example", "/", [])),
        ("http://127.0.0.1:8080/x#top", "", ("http://127.0.0.1:8080", "/x", [])),
        ("https://d.example/api/v1/x", "https://d.example/api/v1", ("https://d.example/api/v1", "/x", [])),
        ("https://d.example/api/v1/x", "https://d.example/api/v1/", ("https://d.example/api/v1/", "/x", [])),
        ("https://d.example/api/v10/x", "https://d.example/api/v1", ("https://d.example", "/api/v10/x", [])),
        ("https://e.example/api/v1/x", "https://d.example/api/v1", ("https://e.example", "/api/v1/x", [])),
        ("https://d.example/<user>/{id}", "", ("https://d.example", "/{user}/{id}", [])),
    ],
)
def test_a_url_is_taken_apart(url: str, base_url: str, parts: tuple[object, ...]) -> None:
    line = placed(url, base_url)
    assert (line.base_url, line.path, line.query) == parts


def test_a_user_in_a_url_is_a_credential_and_dropped() -> None:
    line = CurlLine()
    assert place(line, "https://me:s3cret@d.example/x", "", glob=True) is True
    assert (line.base_url, line.path) == ("https://d.example", "/x")
    assert place(CurlLine(), "https://d.example/x", "", glob=True) is False


def test_more_pairs_stand_behind_those_of_the_url() -> None:
    assert placed("https://d.example/x?a=1", more="a=2&b=3").query == [("a", "1"), ("a", "2"), ("b", "3")]
    assert placed("https://d.example/x", more="b=3").query == [("b", "3")]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://d.example/a b", "holds a blank"),
        ("https://d.example/a\x7f", "holds a blank"),
        ("ftp://d.example/a", "is no http"),
        ("d.example/a", "is no http"),
        ("https:///a", "is no http"),
        ("https://d.example:x/a", "is no http"),
        ("https://[::1/a", "is no http"),
        ("https://d.example/a/../b", "holds `.` or `..`"),
        ("https://d.example/a/%2E%2e/b", "holds `.` or `..`"),
        ("https://d.example/{a,b}", "several requests"),
        ("https://d.example/[1-3]", "several requests"),
        ("https://d.example/[a-z:2]", "several requests"),
    ],
)
def test_what_is_no_one_url(url: str, words: str) -> None:
    with pytest.raises(AilyusError) as caught:
        placed(url)
    assert caught.value.code == "bad_curl"
    assert words in caught.value.sentence


def test_no_query_is_told_in_an_error() -> None:
    with pytest.raises(AilyusError) as caught:
        placed("ftp://d.example/a?key=s3cret")
    assert "s3cret" not in str(caught.value)


def test_with_globoff_brackets_are_a_part_of_the_url() -> None:
    assert placed("https://d.example/r-[1-3]", glob=False).path == "/r-[1-3]"
