"""Formulas: what is constant is folded, and means what the solver makes of it."""

import z3
from hypothesis import given
from hypothesis import strategies as st

from policies.proof.formula import (
    FALSE,
    GREATEST,
    LEAST,
    TRUE,
    choice,
    conj,
    constant,
    disj,
    equal,
    in_range,
    neg,
)

TRUTHS = st.lists(st.booleans(), max_size=4)
FREE = z3.Bool("free")


@given(TRUTHS)
def test_constants_are_folded_as_python_does(truths: list[bool]) -> None:
    parts = [constant(truth) for truth in truths]
    assert conj(*parts) is constant(all(truths))
    assert disj(*parts) is constant(any(truths))
    assert [neg(part) for part in parts] == [constant(not truth) for truth in truths]


@given(TRUTHS)
def test_one_free_part_is_left_where_constants_decide_nothing(truths: list[bool]) -> None:
    parts = [constant(truth) for truth in truths]
    assert conj(FREE, *parts) is (FREE if all(truths) else FALSE)
    assert disj(*parts, FREE) is (TRUE if any(truths) else FREE)
    assert neg(FREE).eq(z3.Not(FREE))


def test_a_choice_and_an_equality_are_folded_where_their_answer_is_known() -> None:
    one, two, free = z3.IntVal(1), z3.IntVal(2), z3.Int("n")
    assert choice(TRUE, one, two) is one
    assert choice(FALSE, one, two) is two
    assert choice(FREE, one, z3.IntVal(1)) is one
    assert choice(FREE, one, two).eq(z3.If(FREE, one, two))
    assert equal(one, z3.IntVal(1)) is TRUE
    assert equal(one, two) is FALSE
    assert equal(free, one).eq(free == one)


def test_a_number_fits_where_cedars_long_does() -> None:
    assert [in_range(z3.IntVal(n)) is TRUE for n in (LEAST - 1, LEAST, 0, GREATEST, GREATEST + 1)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    solver = z3.Solver()
    solver.add(in_range(z3.Int("n")), z3.Int("n") > GREATEST)
    assert solver.check() == z3.unsat
