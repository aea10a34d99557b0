"""The export as CSV: no cell is carried out by a spreadsheet, and what was written is read again."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.console.csv_export import cell, csv_lines


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_what_would_be_a_formula_is_text(value: str) -> None:
    assert cell(value) == f"'{value}"


@pytest.mark.parametrize(("value", "text"), [(None, ""), (7, "7"), ("maria@example.com", "maria@example.com")])
def test_anything_else_is_itself(value: object, text: str) -> None:
    assert cell(value) == text


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1), min_size=1))
def test_it_is_read_again_as_it_was(rows: list[list[str]]) -> None:
    found = list(csv.reader(io.StringIO(csv_lines(rows), newline="")))
    assert found == [[cell(value) for value in row] if row != [""] else [""] for row in rows]
