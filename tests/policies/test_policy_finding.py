"""A finding about policies: its place out of an error, its order, and its lines for people."""

import pytest

from contracts.errors import AilyusError
from policies.policy_finding import PolicyFinding, findings_of, sorted_findings
from policies.policy_position import Position


@pytest.mark.parametrize(
    ("field", "sentence", "position"),
    [
        ("a.cedar:3:7", "it does not parse", Position("a.cedar", 3, 7)),
        ("a.cedar:3", "it does not parse", Position("a.cedar", 3, 1)),
        ("a.cedar", "it does not parse on line 9", Position("a.cedar", 9, 1)),
        ("policies/a.test.yaml", "it does not parse", Position("policies/a.test.yaml", 1, 1)),
        ("connections.okta", "it is not there", None),
        (None, "it is not there", None),
    ],
)
def test_an_error_says_its_place_by_its_field(field: str | None, sentence: str, position: Position | None) -> None:
    (finding,) = findings_of(AilyusError("bad_policy", sentence, hint="mend it", field=field))
    assert (finding.rule, finding.level, finding.says, finding.hint) == ("bad_policy", "error", sentence, "mend it")
    assert finding.position == position
    assert finding.subject == (field or "" if position is None else "")


def test_findings_without_a_file_come_first_and_the_others_by_place() -> None:
    places = [Position("b.cedar", 1, 1), Position("a.cedar", 10, 1), None, Position("a.cedar", 9, 5)]
    found = sorted_findings(PolicyFinding("rule", "note", "says", position=place) for place in places)
    assert [one.position for one in found] == [places[2], places[3], places[1], places[0]]


def test_a_finding_is_told_with_its_line_and_moves_with_its_folder() -> None:
    finding = PolicyFinding("lint", "warning", "it is odd", "look", Position("a.cedar", 2, 3)).moved("policies/")
    lines = finding.lines({"policies/a.cedar": "first\n  second\n"})
    assert lines[0] == "policies/a.cedar:2:3: warning: it is odd [lint]"
    assert any("second" in line for line in lines)
    assert lines[-1] == "  hint: look"
    bare = PolicyFinding("lint", "note", "it is odd", subject="connections.okta")
    assert bare.moved("policies/") is bare
    assert bare.lines({}) == ["connections.okta: note: it is odd [lint]"]
