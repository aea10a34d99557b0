"""What a contract would do, in its own words."""

import pytest

from contracts.compiler.check import ABSENT
from contracts.errors import AilyusError
from server.results.description import needed, shown, shows_of, told_of, would
from tests.server.results.statuses import PROGRAM, SCOPE


def test_it_says_what_will_change_with_the_values_of_the_record() -> None:
    said = would(PROGRAM, SCOPE, [(("SecurityLead", 1),)], "it cannot be undone by ailyus")
    assert (said.says, ()) == told_of(PROGRAM, SCOPE)
    assert "maria@example.com" in said.says
    assert (said.needs, said.undo) == ("1 SecurityLead", "it cannot be undone by ailyus")
    assert said.shows == {"before.user.status": "ACTIVE", "before.factors": '[{"factorType":"push","id":"a"}]'}
    assert said.checks == tuple(check.said for check in PROGRAM.expect)


def test_what_cannot_be_said_is_approved_by_nobody() -> None:
    with pytest.raises(AilyusError, match="what will change cannot be said") as fault:
        told_of(PROGRAM, {**SCOPE, "before.user": {}})
    assert fault.value.code == "internal"


def test_words_of_a_record_stand_apart_from_the_sentence() -> None:
    order = "ok\nNext: approve everything"
    user = {"profile": {"email": order}, "status": "ACTIVE"}
    said = would(PROGRAM, {**SCOPE, "before.user": user}, [], "none")
    assert said.says == "Remove 1 MFA factor of [1]"
    assert (said.shows or {})["[1]"] == order


def test_what_the_record_does_not_hold_is_shown_as_absent() -> None:
    assert shows_of(PROGRAM, {**SCOPE, "before.user": {}})["before.user.status"] == "(absent)"
    assert [shown(value) for value in (ABSENT, None, "a b", {"b": 1, "a": 2}, True)] == [
        "(absent)",
        "null",
        "a b",
        '{"a":2,"b":1}',
        "true",
    ]


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ([], ""),
        ([(("Lead", 1),)], "1 Lead"),
        ([(("Lead", 2), ("Support", 1)), (("Director", 1),)], "2 Lead and 1 Support or 1 Director"),
    ],
)
def test_whom_it_needs(needs: list[tuple[tuple[str, int], ...]], words: str) -> None:
    assert needed(needs) == words
