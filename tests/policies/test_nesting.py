"""A policy that would end Cedar's parser, and the gateway with it, is refused before it is parsed."""

import threading

import cedarpy
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import AilyusError
from policies.parser_limits import MAX_BRACKETS, MAX_DEPTH, too_deep
from tests.policies.making import bundle
from tests.world import ROOT


def policy(condition: str) -> str:
    return f'@id("deep")\nforbid (principal, action, resource)\nwhen {{ {condition} }};\n'


def chained(part: str, times: int, link: str) -> str:
    return link.join([part] * times)


DEEP = {
    "brackets": "(" * 1_000 + "true" + ")" * 1_000,
    "sets": "[" * 1_000 + "1" + "]" * 1_000 + ".isEmpty()",
    "records": "{a:" * 1_000 + "1" + "}" * 1_000 + ".a == 1",
    "not": "(!" * 1_000 + "true" + ")" * 1_000,
    "and": chained("true", 20_000, "&&"),
    "or": chained("true", 20_000, "||"),
    "plus": chained("1", 20_000, "+") + " == 1",
    "times": chained("1", 20_000, "*") + " == 1",
    "attributes": "context" + ".a" * 20_000 + " == 1",
    "keys": "context" + '["a"]' * 20_000 + " == 1",
    "calls": "[1]" + ".contains(1)" * 20_000,
    "has": "context has " + chained("a", 5_000, "."),
    "if": "if true then " * 5_000 + "true" + " else false" * 5_000,
    "else if": "if false then true else " * 5_000 + "true",
    "after a string": '"(\\"(" == "x" && ' + "(" * 1_000 + "true" + ")" * 1_000,
    "after a comment": "// (\r" + "(" * 1_000 + "true" + ")" * 1_000,
    "in an argument": "[1, 2].containsAll([1, " + "(" * 1_000 + "2" + ")" * 1_000 + "])",
    "never closed": "(" * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_what_nests_too_deeply_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(AilyusError, match="line 3 nests deeper") as caught:
        bundle(policy(DEEP[name]))
    assert caught.value.code == "bad_policy"
    assert caught.value.hint


BORNE = {
    "brackets": "(" * (MAX_BRACKETS - 2) + "true" + ")" * (MAX_BRACKETS - 2),
    "sets": "[" * (MAX_BRACKETS - 3) + "1" + "]" * (MAX_BRACKETS - 3) + ".isEmpty()",
    "not": "(!" * (MAX_BRACKETS - 2) + "true" + ")" * (MAX_BRACKETS - 2),
    "and": chained("context.repeat", MAX_DEPTH - 4, "&&"),
    "or": chained("context.repeat", MAX_DEPTH - 4, "||"),
    "plus": chained("1", MAX_DEPTH - 6, "+") + " == 1",
    "attributes": "context" + ".a" * (MAX_DEPTH - 6) + " == 1",
    "has": "context has " + chained("a", 100, "."),
    "else if": "if context.repeat then true else " * 100 + "true",
    "a long list": "[" + ", ".join(f'Person::"p{n}"' for n in range(5_000)) + "].contains(principal)",
    "brackets in a string": 'context.params.x == "' + "(" * 1_000 + '"',
    "brackets in a comment": "true // " + "(" * 1_000 + "\n",
}


@pytest.mark.parametrize("name", BORNE)
def test_what_is_just_not_too_deep_is_answered_and_nothing_dies(name: str) -> None:
    """Also in a thread, where the stack is smaller: parsed, and then accepted or refused for what it says."""
    said: list[str] = []

    def load() -> None:
        try:
            bundle(policy(BORNE[name]))
        except AilyusError as error:
            said.append(error.sentence)

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert not any("deeper" in sentence for sentence in said)


def test_what_is_bundled_is_far_from_it() -> None:
    for path in (ROOT / "policies").rglob("*.cedar"):
        assert too_deep(path.read_text(), depth=MAX_DEPTH // 4, brackets=MAX_BRACKETS // 4) == 0, path


EXPRESSIONS = st.recursive(
    st.sampled_from(["true", "context.a", "1", '"("', "[]", 'User::"a"']),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["({} && {})", "{} && {}", "{} || {}", "[{}, {}]", "{{a: {}, b: {}}}"]), inner, inner),
        st.tuples(st.sampled_from(["({}) + ({})", "({}) == ({})", "({}).contains({})", "({}) in ({})"]), inner, inner),
        st.tuples(st.sampled_from(["if {} then {} else true", "({}).a.b has c.d && {}"]), inner, inner),
        st.tuples(st.sampled_from(["(!({}))", "({}).a", "({})[\"a\"]", "-({})"]), inner),
    ).map(lambda made: made[0].format(*made[1:])),
    max_leaves=30,
)  # fmt: skip


@given(EXPRESSIONS)
def test_the_count_is_never_less_than_what_cedar_builds(expression: str) -> None:
    text = policy(expression)
    try:
        parsed = orjson.loads(cedarpy.policies_to_json_str(text))
    except ValueError:
        return
    counted = next(n for n in range(1_000) if too_deep(text, brackets=1_000, depth=n) == 0)
    assert _levels(parsed["staticPolicies"]["policy0"]["conditions"]) <= 2 * counted + 6


def _levels(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_levels, inner), default=0)
