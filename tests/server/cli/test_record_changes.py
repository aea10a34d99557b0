"""What changed, field by field, from the bodies that were read before and after."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from server.cli.record_changes import MAX_CHANGES, changes_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def evidence(before: object, after: object) -> dict[str, bytes]:
    return {"before/user": orjson.dumps(before), "after/user": orjson.dumps(after), "response": b"{}"}


def test_each_field_that_reads_otherwise_is_a_line() -> None:
    before = {"status": "LOCKED", "name": "maria", "factors": [{"id": 1}, {"id": 2}]}
    after = {"status": "ACTIVE", "name": "maria", "factors": [{"id": 1}], "at": 5}
    assert changes_of(evidence(before, after)) == [
        "  user.at: (nothing) → 5",
        "  user.factors[1].id: 2 → (nothing)",
        '  user.status: "LOCKED" → "ACTIVE"',
    ]


def test_what_is_no_json_or_was_read_once_has_no_line() -> None:
    assert changes_of({"before/user": b"(withheld)", "after/user": b"(withheld)", "after/ticket": b"{}"}) == []


def test_many_changes_are_counted() -> None:
    lines = changes_of(evidence({"x": 1}, {"x": 1} | {str(n): n for n in range(MAX_CHANGES + 5)}))
    assert (len(lines), lines[-1]) == (MAX_CHANGES + 1, "  and 5 more")


@given(JSON)
def test_what_is_the_same_has_not_changed(value: object) -> None:
    assert changes_of(evidence(value, value)) == []
