"""Rows of an approval page: the lines of the signed document in the order in which a person reads them.

Every line of the document stands on the page once, with its number in the document, so that the browser can put them
together again and compare them with what is signed. Nothing is left out, shortened or reworded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import JsonValue

from policies.approval_document import Line

HEADING: Final = "what will change"
FIRST: Final = ("who asked", "request verified", "reason", "why you", "if wrong", "if a step fails")
"""The labels that follow the heading, in this order."""
_APART = re.compile(r"\[\d+\]")
_STEP = re.compile(r"([0-9]+)\. .+ \(.+, wave ([0-9]+), .+\)", re.DOTALL)
"""The label of one step in a plan's document."""
_OF_STEP = re.compile(r"([0-9]+)\. ")
MAX_CELLS: Final = 400
"""Cells of a table; a larger value is shown as it stands."""
Row = dict[str, JsonValue]


@dataclass(slots=True)
class DocumentRows:
    """The lines by their place on the page. `steps` has one group for each step of a plan."""

    heading: list[Row] = field(default_factory=list)
    first: list[Row] = field(default_factory=list)
    inputs: list[Row] = field(default_factory=list)
    record: list[Row] = field(default_factory=list)
    rest: list[Row] = field(default_factory=list)
    steps: list[dict[str, JsonValue]] = field(default_factory=list)


def rows_of(lines: Sequence[Line], expected: Mapping[str, str]) -> DocumentRows:
    """The lines of a document in groups. `expected` says of a path of the record what it must be afterwards."""
    rows = DocumentRows()
    steps: dict[str, list[JsonValue]] = {}
    for number, line in enumerate(lines):
        row = _row(number, line, expected)
        begins, belongs = _STEP.fullmatch(line.label), _OF_STEP.match(line.label)
        if begins and begins[1] not in steps:
            steps[begins[1]] = []
            rows.steps.append({"row": row, "wave": begins[2], "lines": steps[begins[1]]})
        elif belongs and belongs[1] in steps:
            steps[belongs[1]].append({**row, "short": line.label[belongs.end() :]})
        else:
            _group(rows, line).append(row)
    rows.first.sort(key=lambda row: FIRST.index(str(row["label"])))
    return rows


def steps_told(lines: Sequence[Mapping[str, str]]) -> list[str]:
    """What each step of a plan would do, of a stored document."""
    return [line["value"] for line in lines if _STEP.fullmatch(line["label"])]


def apart_of(lines: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """What the sentence of a stored document leaves apart."""
    return [line for line in lines if _APART.fullmatch(line["label"])]


def _group(rows: DocumentRows, line: Line) -> list[Row]:
    if line.label == HEADING or _APART.fullmatch(line.label):
        return rows.heading
    if line.label in FIRST:
        return rows.first
    if line.origin == "source_of_truth":
        return rows.record
    return rows.inputs if line.label.startswith("input ") else rows.rest


def _row(number: int, line: Line, expected: Mapping[str, str]) -> Row:
    row: Row = {"n": number, "label": line.label, "value": line.value, "origin": line.origin}
    row["table"] = _table(line.value) if line.origin == "source_of_truth" else None
    row["expected"] = expected.get(line.label.removeprefix("before."), "")
    return row


def _table(value: str) -> dict[str, JsonValue] | None:
    """A value that is a list of records or one record, as a table with every field of it; else None."""
    if value[:1] not in ("[", "{"):
        return None
    try:
        read = orjson.loads(value)
    except orjson.JSONDecodeError:  # a text that begins like one
        return None
    if isinstance(read, dict) and read:
        return {"columns": [], "rows": [[str(name), _cell(cell)] for name, cell in read.items()]}
    if not isinstance(read, list) or not read or not all(isinstance(one, dict) for one in read):
        return None
    columns = list(dict.fromkeys(str(name) for one in read for name in one))
    if not columns or len(columns) * len(read) > MAX_CELLS:
        return None
    return {
        "columns": list[JsonValue](columns),
        "rows": [[_cell(one[c]) if c in one else "" for c in columns] for one in read],
    }


def _cell(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
