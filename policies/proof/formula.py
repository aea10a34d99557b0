"""Formulas: conjunction and disjunction that fold what is constant, and the ranges of Cedar's numbers."""

from typing import Final

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed

TRUE: Final[z3.BoolRef] = z3.BoolVal(True)
FALSE: Final[z3.BoolRef] = z3.BoolVal(False)
"""The only constants that formulas here are made of: each is known by its identity, without asking the solver."""
LEAST, GREATEST = -(2**63), 2**63 - 1
"""The range of a `Long`; the other numbers are such a `Long` of their smallest unit."""


def constant(truth: bool) -> z3.BoolRef:
    """The constant of a truth."""
    return TRUE if truth else FALSE


class Unmodelled(Exception):
    """A construct of Cedar that has no translation: what depends on it is unknown, never guessed."""


def conj(*parts: z3.BoolRef) -> z3.BoolRef:
    """All of them."""
    if any(part is FALSE for part in parts):
        return FALSE
    left = [part for part in parts if part is not TRUE]
    return TRUE if not left else left[0] if len(left) == 1 else z3.And(*left)


def disj(*parts: z3.BoolRef) -> z3.BoolRef:
    """At least one of them."""
    if any(part is TRUE for part in parts):
        return TRUE
    left = [part for part in parts if part is not FALSE]
    return FALSE if not left else left[0] if len(left) == 1 else z3.Or(*left)


def neg(part: z3.BoolRef) -> z3.BoolRef:
    """Its contrary."""
    return FALSE if part is TRUE else TRUE if part is FALSE else z3.Not(part)


def choice(condition: z3.BoolRef, then: z3.ExprRef, otherwise: z3.ExprRef) -> z3.ExprRef:
    """One of two terms."""
    if condition is TRUE or then.eq(otherwise):
        return then
    return otherwise if condition is FALSE else z3.If(condition, then, otherwise)


def equal(one: z3.ExprRef, other: z3.ExprRef) -> z3.BoolRef:
    """Are two terms of one sort the same?"""
    if one.eq(other):
        return TRUE
    # two different literals are told apart here, so that a policy for another environment vanishes at once
    if z3.is_int_value(one) and z3.is_int_value(other):
        return FALSE
    return one == other


def in_range(number: z3.ArithRef) -> z3.BoolRef:
    """Does a number fit 64 bits? Cedar's arithmetic errs where it does not."""
    if z3.is_int_value(number):
        return constant(LEAST <= number.as_long() <= GREATEST)
    return conj(number >= LEAST, number <= GREATEST)
