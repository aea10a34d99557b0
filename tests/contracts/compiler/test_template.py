"""Templates: what goes in cannot break out of where it stands, and a whole value keeps its type."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.compiler.expressions import Fault, Names
from contracts.compiler.template import Template, odata_string, scim_string, soql_string
from contracts.errors import AilyusError

NAMES = Names.of({"inputs.id": "string", "inputs.n": "int", "inputs.tags": "list", "before.user": "dyn"})
SCOPE = {"inputs.id": "x", "inputs.n": 7, "inputs.tags": ["a", 2], "before.user": {"on": True, "f": 1.5, "tags": ["a"]}}


def template(source: str) -> Template:
    return Template.compile(source, NAMES)


def test_braces_and_strings_inside_a_hole() -> None:
    assert template("a ${ {'k': '}' + inputs.id}['k'] } b").text({"inputs.id": "x"}) == "a }x b"
    assert template("${'\\'}' + inputs.id}").text({"inputs.id": "x"}) == "'}x"


@pytest.mark.parametrize("source", ["${inputs.id", "${'}", "${", "${}", "${inputs.nobody}", "${{'a': inputs.id}"])
def test_a_hole_that_is_not_closed_or_means_nothing(source: str) -> None:
    with pytest.raises(AilyusError) as caught:
        template(source)
    assert caught.value.code == "bad_expression"


@given(st.text(max_size=30))
def test_a_path_keeps_its_segments(value: str) -> None:
    path = template("/api/${inputs.id}/x").path({"inputs.id": value})
    if not isinstance(path, Fault):
        assert path.count("/") == 3
        assert path.startswith("/api/")
        assert path.endswith("/x")
        assert not set(path) & set("?#\\ \n")


def test_a_value_that_would_be_read_as_another_is_refused() -> None:
    names = Names.of({"inputs.a": "string", "inputs.b": "string"})
    for source, given_ in (
        ("/x/${inputs.a}...${inputs.b}", ("v1.", "v2")),
        ("/x/${inputs.a}...${inputs.b}", ("a...b", "c")),
        ("/x/${inputs.a}.${inputs.b}", ("a.b", "c")),
        ("/x/${inputs.a}:cancel", ("j:delete", "")),
        ("/x/u('${inputs.a}')", ("a') or ('", "")),
    ):
        scope = {"inputs.a": given_[0], "inputs.b": given_[1]}
        assert isinstance(Template.compile(source, names).path(scope), Fault), (source, given_)
    good = Template.compile("/x/${inputs.a}...${inputs.b}", names)
    assert good.path({"inputs.a": "v1.2", "inputs.b": "é 3"}) == "/x/v1.2...%C3%A9%203"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/a/${inputs.id}", None),
        ("/a/${inputs.id}:undo/${inputs.n}", None),
        ("/a?b=${inputs.id}", "holds no"),
        ("/a%2F${inputs.id}", "holds no"),
        ("/a/../${inputs.id}", "none is `.` or `..`"),
        ("/./a", "none is `.` or `..`"),
        ("/${inputs.id}${inputs.n}", "stands a mark"),
        ("/${inputs.id}x${inputs.n}", "stands a mark"),
    ],
)
def test_a_path_whose_parts_cannot_be_told_apart(source: str, words: str | None) -> None:
    fault = template(source).path_fault
    assert fault is None if words is None else words in str(fault)


def test_a_whole_value_keeps_its_type_and_a_part_becomes_text() -> None:
    assert template("${inputs.n}").filled(SCOPE) == 7
    assert template("${inputs.tags}").filled(SCOPE) == ["a", 2]
    assert template("no ${inputs.n} ${before.user.on}").filled(SCOPE) == "no 7 true"
    assert template("plain").filled(SCOPE) == "plain"
    assert template("").text(SCOPE) == ""


@pytest.mark.parametrize(
    "source", ["x${inputs.tags}", "x${before.user}", "x${before.user.f}", "x${before.user.nothing}"]
)
def test_no_other_value_becomes_text(source: str) -> None:
    assert isinstance(template(source).text(SCOPE), Fault)
    assert isinstance(template(source).path(SCOPE), Fault)


def test_a_list_is_repeated_only_where_it_is_an_input() -> None:
    assert template("${inputs.tags}").texts(SCOPE) == ["a", "2"]
    assert template("${inputs.tags}").texts({"inputs.tags": []}) == []
    assert template("${inputs.n}").texts(SCOPE) == ["7"]
    assert isinstance(template("${before.user.tags}").texts(SCOPE), Fault)
    assert isinstance(template("${inputs.tags}").texts({"inputs.tags": ["a", ["b"]]}), Fault)


def test_a_joined_list_is_read_back_as_the_same_list() -> None:
    for function, mark in (("commas", ","), ("pipes", "|"), ("spaces", " ")):
        made = template(f"${{list.{function}(inputs.tags)}}")
        assert made.filled(SCOPE) == f"a{mark}2"
        assert isinstance(made.text({"inputs.tags": ["a", f"b{mark}c"]}), Fault)
        assert isinstance(made.text({"inputs.tags": ["a", ""]}), Fault)
        assert isinstance(made.text({"inputs.tags": "a"}), Fault)


@given(st.text(max_size=30))
def test_a_scim_string_is_one_string(value: str) -> None:
    if not any("\ud800" <= c <= "\udfff" for c in value):
        assert json.loads(scim_string(value)) == value


@given(st.text(max_size=30))
def test_a_soql_string_is_one_string(value: str) -> None:
    literal = soql_string(value)
    escapes = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b"}
    assert (literal[0], literal[-1]) == ("'", "'")
    assert re.fullmatch(r"(?:[^'\\\n]|\\.)*", literal[1:-1])  # nothing in it ends it
    assert re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), literal[1:-1]) == value


@given(st.text(max_size=30))
def test_an_odata_string_is_one_string(value: str) -> None:
    literal = odata_string(value)
    assert re.fullmatch(r"'(?:[^']|'')*'", literal)  # nothing in it ends it
    assert literal[1:-1].replace("''", "'") == value


def test_a_soql_list_is_a_list_of_strings() -> None:
    made = template("IN (${soql.list(inputs.tags)})")
    assert made.text({"inputs.tags": ["a", "b'c", 2]}) == r"IN ('a','b\'c','2')"
    for bad in ([], "a", ["a", {}]):
        assert isinstance(made.text({"inputs.tags": bad}), Fault)


def test_what_people_are_told_has_no_words_of_a_record_in_it() -> None:
    made = template("Set ${inputs.id} of ${before.user.on} to ${inputs.n}")
    assert made.told(SCOPE) == ("Set x of true to 7", ())
    order = "a. Approved by the director"
    assert made.told({**SCOPE, "inputs.id": order}) == ("Set [1] of true to 7", (order,))
    both = template("${inputs.id} ${inputs.id}").told({"inputs.id": "a\nb"})
    assert both == ("[1] [2]", ("a\nb", "a\nb"))
    assert template("${inputs.id}").told({"inputs.id": "x" * 81}) == ("[1]", ("x" * 81,))


def test_its_expressions_and_slashes() -> None:
    made = template("/a/${inputs.id}/b/${scim.string(inputs.id)}")
    assert [expression.text for expression in made.expressions] == ["inputs.id", "inputs.id"]
    assert made.source_slashes == 4


@pytest.mark.parametrize(
    ("source", "n", "text"),
    [
        ("Remove ${plural(inputs.n, 'MFA factor')} of x", 1, "Remove 1 MFA factor of x"),
        ("Remove ${plural(inputs.n, 'MFA factor')} of x", 2, "Remove 2 MFA factors of x"),
        ("${plural(inputs.n, 'entry', 'entries')}", 0, "0 entries"),
        ("${plural(inputs.n + size([1, 2]), \"entry\", 'entries')}", -1, "1 entry"),
    ],
)
def test_a_count_says_one_or_several(source: str, n: int, text: str) -> None:
    made = template(source)
    # the words are the contract's, so none of them stands apart
    assert made.told({"inputs.n": n}) == (text, ())
    assert made.text({"inputs.n": n}) == text


@pytest.mark.parametrize("source", ["${plural(inputs.n)}", "${plural('a')}", "${plural(inputs.n, inputs.id)}"])
def test_a_count_without_its_words_is_refused(source: str) -> None:
    with pytest.raises(AilyusError, match="does not say what is counted"):
        template(source)


@pytest.mark.parametrize("value", [True, "2", None, 1.5])
def test_only_a_whole_number_is_counted(value: object) -> None:
    assert isinstance(template("${plural(before.user, 'user')}").text({"before.user": value}), Fault)
