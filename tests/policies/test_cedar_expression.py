"""The parts of a Cedar expression: what it reads is found in every form, and what cannot be told counts as all of it."""

import pytest
from cedarpy import pst

from policies.cedar_expression import context_keys, param_keys, resource_attributes, walk
from tests.policies.making import condition as expression


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("context.repeat > 1", {"repeat"}),
        ("context has rate && context.rate.lastHour < 5", {"rate"}),
        ("[context.repeat].contains(1)", {"repeat"}),
        ("{a: context.env.changeFreeze} == {a: true}", {"env"}),
        ("if context.guarded then resource.vip else true", {"guarded"}),
        ("resource.vip", set()),
        ("context == context", {"*"}),
        ("[context].contains(context)", {"*"}),
    ],
)
def test_the_keys_of_the_context(condition: str, keys: set[str]) -> None:
    assert set(context_keys(expression(condition))) == keys


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ('context.params.reason == "x"', {"reason"}),
        ("context.params has note", {"note"}),
        ("context has params.note", {"note", "*"}),
        ("context.params == context.params", {"*"}),
        ("context == context", {"*"}),
        ("context.repeat > 1", set()),
    ],
)
def test_the_parameters(condition: str, keys: set[str]) -> None:
    assert set(param_keys(expression(condition))) == keys


def test_the_attributes_of_the_resource() -> None:
    found = resource_attributes(expression('resource.vip || (resource.owner.name == "a" && context.repeat > 1)'))
    assert set(found) == {"vip", "owner"}


def test_a_deep_expression_is_walked_without_recursion() -> None:
    deep: pst.Expr = pst.Var("context")
    for _ in range(100_000):
        deep = pst.UnaryOp("not", deep)
    assert sum(1 for _ in walk(deep)) == 100_001
