"""A document without its faulty parts: what is left, at which lines, and what only follows from what is gone."""

from collections.abc import Sequence

import pytest
import yaml

from contracts.compiler.remaining_document import RemainingDocument
from contracts.errors import AilyusError

TEXT = """contract: a
inputs:
  user: {type: string}
  note: {type: string}
expect:
  - {that: x, else: y}
  - {that: z, else: y}
  - {that: after.user.id, else: y}
says: "Do ${inputs.user} and ${inputs.username}"
"""


def document(text: str = TEXT) -> RemainingDocument:
    return RemainingDocument(yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader))


@pytest.mark.parametrize(
    ("places", "left"),
    [
        ([("says",)], {"inputs": ["user", "note"], "expect": ["x", "z", "after.user.id"]}),
        ([("expect", "0", "that"), ("expect", "0", "else"), ("expect", "1")], {"expect": ["after.user.id"]}),
        ([("inputs", "user", "type")], {"inputs": ["note"]}),
    ],
)
def test_entries_are_left_out_whole(places: Sequence[Sequence[str]], left: dict[str, list[str]]) -> None:
    made = document()
    assert made.is_whole
    assert made.leave_out(places)
    assert not made.is_whole
    assert isinstance(made.content, dict)
    found = {"inputs": list(made.content["inputs"]), "expect": [one["that"] for one in made.content["expect"]]}
    assert {part: found[part] for part in left} == left


@pytest.mark.parametrize(
    "places",
    [
        [()],  # a fault of the whole file
        [("contract",)],
        [("inputs",)],
        [("require", "0")],  # which is not there: the same fault would come again
        [("expect", "0"), ("expect", "1"), ("expect", "2")],  # without any, nothing could be confirmed
        [("says",), ("contract",)],
    ],
)
def test_a_rest_without_sense_is_said(places: Sequence[Sequence[str]]) -> None:
    assert not document().leave_out(places)


def test_lines_are_those_of_the_whole_file() -> None:
    made = document()
    made.leave_out([("expect", "0")])
    assert [made.line(where) for where in (("expect", "0"), ("expect", "1", "that"), ("says",))] == [7, 8, 9]


def test_what_names_something_that_is_gone_follows_from_that() -> None:
    made, fault = document(), AilyusError("bad_contract", "it does not compile")
    places = (("says",), ("expect", "2", "that"), ("expect", "0"))
    assert [made.follows(fault, where) for where in places] == [False, False, False]
    made.leave_out([("inputs", "user")])
    assert [made.follows(fault, where) for where in places] == [True, True, False]
    assert made.follows(AilyusError("bad_contract", "`user` is observed nowhere"), ("expect", "0"))
    assert not made.follows(AilyusError("bad_contract", "`username` is observed nowhere"), ("expect", "0"))
    other = RemainingDocument({"undo": {"contract": "lock_user"}}, yaml.compose("a: 1", yaml.SafeLoader), ["lock_user"])
    assert other.follows(fault, ("undo", "contract"))
