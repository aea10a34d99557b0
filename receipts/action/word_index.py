"""The index of words: actions are found by their words, which stand in no table.

A word is kept as its pseudonym under the tenant's key. So that the beginning of a word finds it too, each beginning of
three letters or more leads from its pseudonym to that of the word; the pair is kept once for a word, however many
actions have it.
"""

from collections.abc import Iterator
from typing import Final

from contracts.canonical import pseudonym

SHORTEST: Final = 3
"""Letters of the shortest beginning that finds a word."""
_LONGEST: Final = 32
"""Letters of the longest one: of more only the whole word finds it."""
_LENGTH: Final = 20


def word_token(key: bytes, word: str) -> str:
    """What is kept of a word, or of a whole name with `=` before it."""
    return pseudonym(key, "word", word)[:_LENGTH]


def beginning_token(key: bytes, beginning: str) -> str:
    """What is kept of the beginning of a word."""
    return pseudonym(key, "beginning", beginning)[:_LENGTH]


def beginnings(key: bytes, word: str) -> Iterator[tuple[str, str]]:
    """Each beginning of a word that is shorter than it, and the word, as they are kept."""
    whole = word_token(key, word)
    for length in range(SHORTEST, min(len(word), _LONGEST + 1)):
        yield beginning_token(key, word[:length]), whole
