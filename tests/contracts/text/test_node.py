"""Nodes of YAML documents: which line a path has, and what is left without it."""

import pytest

from contracts.text.document import read_document
from contracts.text.node import line_of, without

TEXT = "contract: x\nexpect:\n  - that: a\n    else: b\n  - that: c\ninputs:\n  id: {type: string}\n"


@pytest.mark.parametrize(
    ("path", "line"),
    [((), 1), (("expect", "0", "else"), 4), (("expect", "1"), 5), (("inputs", "id", "nothing"), 7), (("nothing",), 1)],
)
def test_the_line_is_that_of_the_deepest_part_that_is_there(path: tuple[str, ...], line: int) -> None:
    node, _ = read_document(TEXT)
    assert line_of(node, path) == line


def test_an_empty_document_has_one_line() -> None:
    assert line_of(None, ("expect",)) == 1


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (("expect", "0"), {"contract": "x", "expect": [{"that": "c"}], "inputs": {"id": {"type": "string"}}}),
        (("inputs", "id", "type"), {"contract": "x", "expect": [{"that": "a", "else": "b"}, {"that": "c"}], "inputs": {"id": {}}}),
        (("nothing",), {"contract": "x", "expect": [{"that": "a", "else": "b"}, {"that": "c"}], "inputs": {"id": {"type": "string"}}}),
    ],
)  # fmt: skip
def test_a_document_without_a_part_keeps_the_rest(path: tuple[str, ...], left: object) -> None:
    node, content = read_document(TEXT)
    assert node is not None
    assert without(content, node, path)[0] == left
