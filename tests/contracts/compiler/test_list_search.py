"""Only a search for one element can be answered by a part of a list, and only with yes."""

import pytest

from contracts.compiler.list_search import only_finds

LIST = "after.keys.items"


@pytest.mark.parametrize(
    "text",
    [
        "after.keys.items.exists(k, k.id == 'a')",
        "after.keys.items.exists(k, k.id != inputs.id && !(k.status in ['x']))",
        "'a' in after.keys.items",
        "has(after.keys.items) && after.user.status == 'ACTIVE'",
        "(inputs.id in after.keys.items) && after.user.status == 'ACTIVE'",
        "after.user.status != 'X' || after.keys.items.exists(k, k.n.exists(m, m == 1))",
        "after.keys.items.exists(k, k.say == ') == false')",
    ],
)
def test_a_search(text: str) -> None:
    assert only_finds(text, [LIST])


@pytest.mark.parametrize(
    "text",
    [
        "!after.keys.items.exists(k, k.id == 'a')",
        "after.keys.items.exists(k, k.id == 'a') == false",
        "(after.keys.items.exists(k, k.id == 'a') || inputs.x) == false",
        "false == (inputs.id in after.keys.items)",
        "after.keys.items.exists(k, k.id == 'a') != after.user.locked",
        "after.keys.items.all(k, k.id != 'a')",
        "after.keys.items.exists_one(k, k.id == 'a')",
        "size(after.keys.items) == 2",
        "after.keys.items.size() < 2",
        "after.keys.items == before.keys.items",
        "!has(after.keys.items)",
        "has(after.keys.items) == false",
        "after.keys.items[0].id == 'a'",
        "after.keys.items.exists(k, k.id == 'a') ? false : true",
        "before.other.exists(b, !after.keys.items.exists(k, k.id == b))",
        "after.keys.items.exists(k, k.id == 'a'",
        "after.keys == before.keys",
    ],
)
def test_what_more_elements_could_make_false(text: str) -> None:
    assert not only_finds(text, [LIST])
