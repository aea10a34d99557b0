"""Visible text: nothing that is hidden, turns the direction, looks alike or commands a terminal reaches a person."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.text.visible_text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 7 € — ok", "plain text, 7 € — ok"),
        ("Müller Ærø", "Müller Ærø"),
        ("Мария Иванова", "Мария Иванова"),
        ("名前", "名前"),
        ("a\nb\tc", "a\\u{000A}b\\u{0009}c"),
        ("\x1b[31mred", "\\u{001B}[31mred"),
        ("a\u202eb", "a\\u{202E}b"),
        ("a\u200bb\ufeff", "a\\u{200B}b\\u{FEFF}"),
        ("a\u00a0b", "a\\u{00A0}b"),
        ("pаypal", "p\\u{0430}ypal"),
        ("αdmin", "\\u{03B1}dmin"),
        ("e\u0301", "e\\u{0301}"),
        ("\ue000", "\\u{E000}"),
        ("\U000e0041", "\\u{E0041}"),
    ],
)
def test_what_a_person_sees(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_each_word_is_looked_at_by_itself() -> None:
    assert visible("user Мария locked") == "user Мария locked"
    assert visible("user Mария") == "user M\\u{0430}\\u{0440}\\u{0438}\\u{044F}"


@given(st.text(max_size=20))
def test_nothing_hidden_is_left_and_blanks_stay(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(char)[0] != "C" for char in shown)
    assert not any(char.isspace() and char != " " for char in shown)
    assert shown.count(" ") == text.count(" ")
