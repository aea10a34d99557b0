"""A file in pieces: joined they are the file, and keys and comments are told from the rest."""

import pytest

from server.console.yaml_pieces import MAX_TEXT, yaml_lines
from tests.world import ROOT

LIBRARY = sorted((ROOT / "contracts" / "library").rglob("*.yaml"))


def joined(text: str) -> str:
    return "\n".join("".join(piece for _, piece in line) for line in yaml_lines(text))


def test_the_pieces_of_each_file_of_the_library_are_the_file() -> None:
    assert len(LIBRARY) > 150
    for path in LIBRARY[::5]:
        assert joined(path.read_text()) == path.read_text(), path


@pytest.mark.parametrize(
    "text", ["", "\n", "a: [1, {b: c}]\n", "# only\n", "a: |\n  b # no comment\n  c\n", "é: 'x # y'\n"]
)
def test_the_pieces_are_the_text(text: str) -> None:
    assert joined(text) == text


def test_keys_and_comments() -> None:
    assert yaml_lines('kind: write # a word\nin: {user: "a#b"}') == [
        [("key", "kind"), ("", ": "), ("", "write"), ("", " "), ("comment", "# a word")],
        [("key", "in"), ("", ": {"), ("key", "user"), ("", ": "), ("", '"a#b"'), ("", "}")],
    ]


@pytest.mark.parametrize("text", ["a: 'open\nb: c", "\x07: x", "@: y", "x" * (MAX_TEXT + 1)])
def test_what_is_no_yaml_or_too_long_is_shown_as_it_is(text: str) -> None:
    assert yaml_lines(text) == [[("", line)] for line in text.split("\n")]
