"""What is wrong in a policy is told with its line and column, also where Cedar tells none."""

import pytest

from contracts.errors import AilyusError
from policies.policy_position import Position, excerpt_of, policy_texts
from tests.policies.making import bundle

HEAD = '@id("a") permit (principal, action == Action::"unlock_user", resource)'
FAULTS = [
    ("when { resource.vip && }", "}", "unexpected token"),
    ("when { resource.vip", ";", "unexpected token `;`"),
    ("when { resource.vip.foo(1) }", "foo", "not a valid method"),
    ("when { resource.none }", "none", "attribute `none`"),
    ('when { principal in Role::"Suport" }', '"Suport"', "not declared"),
    ("when { context.repeat > 99999999999999999999 }", "99999999999999999999", "number too large"),
    ("wen { true }", "wen", "policy condition: wen"),
]


@pytest.mark.parametrize(("conditions", "word", "said"), FAULTS)
def test_a_fault_is_found_at_its_word(conditions: str, word: str, said: str) -> None:
    text = f'// one; "two";\n\n{HEAD}\n{conditions};'
    with pytest.raises(AilyusError) as caught:
        bundle(text)
    assert said in caught.value.sentence
    assert caught.value.field == f"test.cedar:4:{f'{conditions};'.rindex(word) + 1}"


def test_what_ends_too_early_is_found_at_its_end() -> None:
    with pytest.raises(AilyusError, match="unexpected end of input") as caught:
        bundle(HEAD)
    assert caught.value.field == f"test.cedar:1:{len(HEAD)}"


def test_every_fault_is_told_at_once_and_a_sound_policy_is_none() -> None:
    good = HEAD.replace('"a"', '"good"') + ";"
    with pytest.raises(AilyusError) as caught:
        bundle(good, HEAD + "when { resource.none };", "permit (principal, action, resource);", good)
    fields = [one.field for one in (caught.value, *caught.value.also)]
    # the id that is there twice is known before its file has ended
    assert sorted(str(field) for field in fields) == ["test.cedar:2:87", "test.cedar:3:1", "test.cedar:4:1"]
    assert "test.cedar:3:1: a policy has no plain `@id`" in str(caught.value) + str(caught.value.also)


def test_a_semicolon_in_a_string_or_a_comment_ends_no_policy() -> None:
    text = 'permit (principal, action, resource) // a ; b\nwhen { resource.tenant == "a;\\";b" };\n@id("b")\nforbid;'
    first, second = policy_texts("f", text)
    assert (first.id, second.id) == ("", "b")
    assert (first.position, second.position) == (Position("f", 1, 1), Position("f", 3, 1))


def test_the_caret_stands_below_its_column() -> None:
    assert excerpt_of("a\n\tbcd", Position("f", 2, 3)) == ["  2 |  bcd", "    |   ^"]
    assert excerpt_of("a", Position("f", 9, 1)) == []
