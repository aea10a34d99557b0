"""CEL: errors never pass, typos never compile, and work is bounded."""

import pytest

from contracts.compiler.expressions import Expression, Fault, Names
from contracts.errors import AilyusError

NAMES = Names.of({"inputs.id": "string", "inputs.n": "int", "before.user": "dyn", "after.user": "dyn"})


@pytest.mark.parametrize(
    "text",
    [
        "before.user.nope",
        "before.user.nope == after.user.nope",
        "inputs.id",
        "'true'",
        "1",
        "before.user.list",
        "inputs.n / 0 == 1",
    ],
)
def test_whatever_is_not_true_does_not_hold(text: str) -> None:
    scope = {"inputs.id": "true", "inputs.n": 1, "before.user": {"list": [1]}, "after.user": {}}
    assert Expression.compile(text, NAMES).holds(scope) is False


def test_an_error_is_a_value_that_never_passes() -> None:
    value = Expression.compile("before.user.nope", NAMES).value({"before.user": {}})
    assert isinstance(value, Fault)
    assert Expression.compile("!before.user.nope", NAMES).holds({"before.user": {}}) is False


@pytest.mark.parametrize(
    "text", ["befor.user", "inputs.idd == ''", "before.usr.x", "inputs.id ==", "size(", "x" * 5000]
)
def test_a_typo_does_not_compile(text: str) -> None:
    with pytest.raises(AilyusError) as caught:
        Expression.compile(text, NAMES)
    assert caught.value.code == "bad_expression"


def test_work_is_bounded() -> None:
    text = "before.user.all(x, before.user.all(y, before.user.all(z, x + y + z > 0)))"
    assert isinstance(Expression.compile(text, NAMES).value({"before.user": list(range(1, 300))}), Fault)


def test_paths_are_found_and_methods_are_not() -> None:
    text = "before.user.factors.all(b, !after.user.exists(a, a.id == b.id)) && before.user.status == 'before.user.fake'"
    assert Expression.compile(text, NAMES).paths() == {"before.user.factors", "after.user", "before.user.status"}
