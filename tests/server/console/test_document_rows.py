"""Every line of the signed document stands on the approval page once, whichever group it is shown in."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.approval_document import Line
from server.console.document_rows import DocumentRows, rows_of

LABELS = st.sampled_from(
    ["what will change", "[1]", "who asked", "reason", "why you", "if wrong", "where", "input user_id", "before.user",
     "1. reset (reset_user_mfa, wave 1, okta)", "1. input user_id", "1. before.user", "1. [1]", "2. if wrong",
     "2. tell (comment, wave 2, zendesk)", "left out: x", "1. "],
)  # fmt: skip
ORIGINS = st.sampled_from(["gateway", "contract", "policy", "agent", "source_of_truth", "caller"])
VALUES = st.one_of(
    st.text(max_size=20), st.sampled_from(['[{"a":1},{"b":"x"}]', '{"a":null}', "[1,2]", "[]", "{", "[{}]"])
)
LINES = st.lists(st.builds(Line, label=LABELS, value=VALUES, origin=ORIGINS), max_size=20)


def shown(rows: DocumentRows) -> list[dict[str, Any]]:
    flat: list[Any] = [*rows.heading, *rows.first, *rows.inputs, *rows.record, *rows.rest]
    for step in rows.steps:
        lines = step["lines"]
        assert isinstance(lines, list)
        flat += [step["row"], *lines]
    return flat


@given(LINES)
def test_no_line_is_lost_changed_or_shown_twice(lines: list[Line]) -> None:
    rows = sorted(shown(rows_of(lines, {})), key=lambda row: int(row["n"]))
    assert [(row["label"], row["value"], row["origin"]) for row in rows] == [
        (n.label, n.value, n.origin) for n in lines
    ]
    assert [row["n"] for row in rows] == list(range(len(lines)))


def table(value: str) -> Any:
    (row,) = rows_of([Line(label="before.x", value=value, origin="source_of_truth")], {"x": "after"}).record
    assert row["expected"] == "after"
    return row["table"]


def test_a_list_of_records_is_a_table_with_every_field() -> None:
    said = table('[{"id":"a","n":1},{"id":"b","new":null}]')
    assert said == {"columns": ["id", "n", "new"], "rows": [["a", "1", ""], ["b", "", "null"]]}
    assert table('{"id":"a","tags":["x"]}') == {"columns": [], "rows": [["id", "a"], ["tags", '["x"]']]}


def test_what_is_no_record_stays_as_it_stands() -> None:
    assert [table(value) for value in ("ACTIVE", "[1,2]", "[]", "{", '[{"a":1},2]', "[{}]", "{}")] == [None] * 7
    wide = "[{" + ",".join(f'"k{n}":1' for n in range(401)) + "}]"
    assert table(wide) is None


def test_steps_of_a_plan_have_their_own_lines() -> None:
    lines = [
        Line(label="1. make (create_api_key, wave 1, apikeys)", value="Create a key", origin="contract"),
        Line(label="1. input name", value="alerts", origin="caller"),
        Line(label="2. tell (comment_on_ticket, wave 2, zendesk)", value="Comment", origin="contract"),
        Line(label="2. if wrong", value="delete it", origin="contract"),
    ]
    rows = rows_of(lines, {})
    assert [step["wave"] for step in rows.steps] == ["1", "2"]
    assert [[row["short"] for row in step["lines"]] for step in rows.steps] == [["input name"], ["if wrong"]]  # type: ignore[union-attr, index, call-overload]
