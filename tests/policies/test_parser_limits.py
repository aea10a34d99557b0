"""How deep a policy nests, by its text: never less than what Cedar builds of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.parser_limits import MAX_BRACKETS, MAX_DEPTH, too_deep


@given(st.integers(1, 40), st.integers(0, 5))
def test_brackets_count_as_deep_as_they_nest(levels: int, before: int) -> None:
    text = "\n" * before + "(" * levels + "x" + ")" * levels
    assert too_deep(text, brackets=levels + 1) == 0
    assert too_deep(text, brackets=levels) == before + 1


@given(st.integers(1, 60))
def test_each_part_of_a_chain_is_a_level(parts: int) -> None:
    chain = " && ".join(["a"] * (parts + 1))
    assert too_deep(chain, depth=parts) == 0
    assert too_deep(chain, depth=parts - 1) == 1


@pytest.mark.parametrize("text", ["// " + "(" * 1_000, '"' + "(" * 1_000 + '"', r'"\"' + "." * 1_000 + '"'])
def test_what_cedar_skips_and_what_stands_in_strings_is_no_level(text: str) -> None:
    assert too_deep(text) == 0


def test_a_policy_begins_anew_and_the_line_of_the_first_that_is_too_deep_is_told() -> None:
    deep = "permit(principal, action, resource) when { " + "!" * (MAX_DEPTH + 1) + "true };\n"
    shallow = "permit(principal, action, resource) when { " + "!" * (MAX_DEPTH // 2) + "true };\n"
    assert too_deep(shallow * 10) == 0
    assert too_deep(shallow * 3 + deep + deep) == 4
    assert too_deep("[" * (MAX_BRACKETS + 1)) == 1
