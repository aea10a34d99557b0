"""Texts as terms: a literal comes back as it went in, and one text is one term."""

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.proof.formula import Unmodelled
from policies.proof.text_sort import TextSort

TEXTS = st.lists(st.text(st.characters(codec="utf-8", max_codepoint=0x2FFFF), max_size=8), min_size=1, max_size=6)


@pytest.mark.parametrize("looks_inside", [False, True])
@settings(max_examples=15)  # each is some terms of the solver
@given(texts=TEXTS)
def test_a_literal_comes_back_as_it_went_in(looks_inside: bool, texts: list[str]) -> None:
    sort = TextSort(looks_inside)
    terms = [sort.literal(text) for text in texts]
    assert [sort.text(term) for term in terms] == texts
    assert list(sort.literals()) == list(dict.fromkeys(texts))
    assert [one.eq(other) for one in terms for other in terms] == [a == b for a in texts for b in texts]


def test_a_number_that_stands_for_no_known_text_gets_a_text_of_its_own() -> None:
    sort = TextSort(looks_inside=False)
    known = {sort.text(sort.literal(text)) for text in ("a", "b")}
    others = [sort.text(z3.IntVal(number)) for number in (0, 1, -3, -4)]
    assert len({*others, *known}) == len(others) + len(known)


def test_nothing_looks_into_a_text_that_is_a_number() -> None:
    with pytest.raises(Unmodelled):
        TextSort(looks_inside=False).matches(z3.IntVal(0), [])
    assert z3.simplify(TextSort(looks_inside=True).matches(z3.StringVal(""), []))
