"""YAML that could mean more than it says, or that would end whoever reads it, is refused with its line."""

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.text.document import MAX_DEPTH, read_document
from contracts.text.source import MalformedSource

BAD = {
    "alias": ("a: &x [1]\nb: *x\n", 1, "anchors and aliases"),
    "anchor_that_nobody_uses": ("a: 1\nb: {c: &x d}\n", 2, "anchors and aliases"),
    "tag": ("a: 1\nb: !!timestamp x\n", 2, "tags like"),
    "tag_of_python": ("a: !!python/object:os.system x\n", 1, "tags like"),
    "key_twice": ("a: 1\nb: 2\na: 3\n", 3, "duplicate key `a`"),
    "key_twice_below": ("a:\n  - {b: 1, b: 1}\n", 2, "duplicate key `b`"),
    "key_that_is_a_list": ("a: 1\n? [b]\n: c\n", 2, "a key must be a word"),
    "key_that_is_an_object": ("? {a: b}\n: c\n", 1, "a key must be a word"),
    "merge": ("a: 2\n<<: {a: 1}\n", 2, "a key must be a word"),
    "two_documents": ("a: 1\n---\nb: 2\n", 2, "another document"),
    "digits": ("a: 1\nb: " + "9" * 5_000 + "\n", 2, "is no number"),
    "too_deep": ("a: 1\nb: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, 2, "within each other"),
    "never_closed": ("[" * 200_000, 1, "within each other"),
    "nul": ("a: \x00", 1, "a character"),
    "half_a_character": ("a: \ud800", 1, "a character"),
    "tab": ("a:\n\tb: 1\n", 2, "cannot start any token"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_says_why_and_where(name: str) -> None:
    text, line, words = BAD[name]
    with pytest.raises(MalformedSource, match=words) as caught:
        read_document(text)
    assert caught.value.line == line


def test_a_date_is_a_text_and_an_empty_document_is_nothing() -> None:
    assert read_document("on_day: 2026-11-23\nday: 2026-13-01")[1] == {"on_day": "2026-11-23", "day": "2026-13-01"}
    assert read_document("# nothing\n") == (None, None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=12,
)


@given(VALUES)
def test_what_was_written_is_what_is_read(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, indent=2)
    if "&" not in text and "<<" not in text and "\x85" not in text:
        assert read_document(text)[1] == value


@given(st.text(st.sampled_from("ab01:-[]{}?,&*!|>'\"% \n\t#."), max_size=60))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(MalformedSource):
        read_document(text)
