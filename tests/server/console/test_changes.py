"""The change of a record, path by path."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from server.console.changes import MOST, RecordChange, changes_of, parsed, pretty

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def of(before: object, after: object) -> list[RecordChange]:
    return changes_of({"user": orjson.dumps(before)}, {"user": orjson.dumps(after)})


def test_only_what_differs_is_told_by_its_path() -> None:
    before = {"status": "LOCKED_OUT", "profile": {"email": "a@b.c", "phone": 1}, "tags": ["x"]}
    after = {"status": "ACTIVE", "profile": {"email": "a@b.c"}, "tags": ["x", "y"]}
    assert of(before, after) == [
        RecordChange("user.status", "LOCKED_OUT", "ACTIVE"),
        RecordChange("user.profile.phone", "1", None),
        RecordChange("user.tags[1]", None, "y"),
    ]


def test_records_of_a_list_are_told_apart_by_their_ids() -> None:
    assert of([{"id": "a", "n": 1}, {"id": "b", "n": 2}], [{"id": "b", "n": 3}]) == [
        RecordChange("user[a]", '{"id":"a","n":1}', None),
        RecordChange("user[b].n", "2", "3"),
    ]


def test_truth_is_no_number() -> None:
    assert of({"on": True}, {"on": 1}) == [RecordChange("user.on", "true", "1")]


def test_what_is_no_json_is_compared_as_text_and_a_half_is_left_out() -> None:
    assert changes_of({"x": b"(withheld)", "y": b"1"}, {"x": b"other"}) == [RecordChange("x", "(withheld)", "other")]
    assert parsed(b"\xff") == "�"
    assert pretty(b'{"a":1}') == '{\n  "a": 1\n}'


@given(JSON, JSON)
def test_nothing_differs_from_itself_and_what_differs_is_told(one: object, other: object) -> None:
    assert of(one, one) == []
    left, right = (orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in (one, other))
    assert bool(of(one, other)) is (left != right)


def test_a_page_is_bounded() -> None:
    assert len(of(list(range(900)), list(range(1, 901)))) == MOST
