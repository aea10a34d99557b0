"""Names by phase: nothing is known before it was read, answered or made."""

import pytest

from contracts.compiler.expressions import Expression, Names
from contracts.compiler.phase_names import PhaseNames
from contracts.errors import AilyusError
from tests.contracts.making import contract

NAMES = PhaseNames.of(contract(), iter(("record", "log")))
ALWAYS = {"inputs.record", "inputs.value", "connection.tenant", "connection.environment"}
BEFORE = {"before.record", "before.log"}
ANSWER = {"response.status", "response.headers", "response.body"}
KNOWN = {
    "early": ALWAYS,
    "before": ALWAYS | BEFORE,
    "answer": ALWAYS | BEFORE | ANSWER,
    "after": ALWAYS | BEFORE | ANSWER | {"after.record", "after.log"},
    "undoing": ALWAYS | BEFORE | {"outputs.was"},
    "made": ALWAYS | {"it", "window.start", "window.end", "connection.exclusive"},
}


@pytest.mark.parametrize("phase", KNOWN)
def test_each_phase_knows_these_names_and_no_other(phase: str) -> None:
    names: Names = getattr(NAMES, phase)
    assert {name for name, _ in names.types} == KNOWN[phase]


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("early", "before.record.x"),
        ("before", "response.status == 200"),
        ("before", "after.record.x"),
        ("answer", "after.record.x"),
        ("undoing", "after.record.x"),
        ("after", "outputs.was == ''"),
        ("made", "before.record.x"),
    ],
)
def test_a_name_of_a_later_phase_does_not_compile(phase: str, text: str) -> None:
    with pytest.raises(AilyusError) as caught:
        Expression.compile(text, getattr(NAMES, phase))
    assert caught.value.code == "bad_expression"


def test_the_types_are_those_of_the_answer_and_the_inputs() -> None:
    types = dict(NAMES.after.types)
    assert (types["response.status"], types["response.body"], types["inputs.record"]) == ("int", "dyn", "string")
    assert dict(NAMES.made.types)["connection.exclusive"] == "bool"
