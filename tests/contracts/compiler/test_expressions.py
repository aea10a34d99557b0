"""CEL and templates: errors never pass, typos never compile, nothing breaks out of where it is put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.compiler.expressions import Expression, Fault, Names
from contracts.compiler.path_segment import segment_fault
from contracts.compiler.template import Template, scim_string
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


def test_braces_and_strings_inside_a_hole() -> None:
    template = Template.compile("a ${ {'k': '}' + inputs.id}['k'] } b", NAMES)
    assert template.text({"inputs.id": "x"}) == "a }x b"


@pytest.mark.parametrize("source", ["${inputs.id", "${'}", "${", "${}"])
def test_a_hole_that_is_not_closed(source: str) -> None:
    with pytest.raises(AilyusError):
        Template.compile(source, NAMES)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%2e",
        "a;b",
        "a\x00",
        "a\nb",
        "e\u0301",
        "\u202e",
        "a\u200b",
        "x" * 600,
    ],
)
def test_what_may_not_stand_in_a_path(value: str) -> None:
    template = Template.compile("/api/${inputs.id}/x", NAMES)
    assert segment_fault(value) is not None
    if "\x00" in value:
        return  # CEL cuts a string at NUL: such text is refused where it comes in (inputs, adapters)
    assert isinstance(template.path({"inputs.id": value}), Fault)


@given(st.text(max_size=30))
def test_a_path_keeps_its_segments(value: str) -> None:
    path = Template.compile("/api/${inputs.id}/x", NAMES).path({"inputs.id": value})
    if not isinstance(path, Fault):
        assert path.count("/") == 3
        assert path.startswith("/api/")
        assert path.endswith("/x")
        assert not set(path) & set("?#\\ \n")


@given(st.text(max_size=30))
def test_a_scim_string_is_one_string(value: str) -> None:
    import json

    if not any("\ud800" <= c <= "\udfff" for c in value):
        assert json.loads(scim_string(value)) == value
