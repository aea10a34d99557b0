"""The index of words: what is kept of a word tells nobody the word, and each of its beginnings leads to it."""

import os

from receipts.action.word_index import SHORTEST, beginning_token, beginnings, word_token

KEY = os.urandom(32)


def test_each_beginning_of_three_letters_or_more_leads_to_the_word() -> None:
    found = dict(beginnings(KEY, "maria@example.com"))
    assert set(found.values()) == {word_token(KEY, "maria@example.com")}
    assert found.keys() == {beginning_token(KEY, "maria@example.com"[:n]) for n in range(SHORTEST, 17)}
    assert list(beginnings(KEY, "mfa")) == []
    assert len(list(beginnings(KEY, "a" * 64))) == 30


def test_a_word_is_another_one_under_another_key_and_no_beginning_is_a_word() -> None:
    assert word_token(KEY, "maria") != word_token(os.urandom(32), "maria")
    assert word_token(KEY, "maria") != beginning_token(KEY, "maria")
    assert "maria" not in word_token(KEY, "maria")
