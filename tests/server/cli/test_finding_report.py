"""Findings as people, code scanning and GitHub read them; exit codes tell what is wrong."""

import json
import re
from pathlib import Path

import orjson
import pytest

from policies.policy_finding import PolicyFinding
from policies.policy_position import Position
from server.cli.finding_report import ReportFormat, report_lines
from server.workspace.policy_review import review_of
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.policies.edits import APPROVALS, BASE, OWN, Edit, swap, without, write
from tests.world import cli

AT = Position("policies/a.cedar", 2, 3)
FOUND = (PolicyFinding("rule", "error", "it is\nwrong: 100%", "mend it", AT),)
TEXTS = {"policies/a.cedar": "one\ntwo"}


def test_people_see_the_line_and_a_caret() -> None:
    lines = report_lines(FOUND, TEXTS, ReportFormat.table, 1)
    assert lines[1:] == ["  2 | two", "    |   ^", "  hint: mend it"]
    assert lines[0].startswith("policies/a.cedar:2:3: error: it is")


def test_an_annotation_cannot_end_early_and_command_the_runner() -> None:
    (line,) = report_lines(FOUND, TEXTS, ReportFormat.github, 1)
    assert line == "::error file=policies/a.cedar,line=2,col=3,title=rule::it is%0Awrong: 100%25. mend it"


def test_sarif_has_rule_level_place_and_exit_code() -> None:
    document = json.loads("\n".join(report_lines(FOUND, TEXTS, ReportFormat.sarif, 4)))
    (run,) = document["runs"]
    assert (document["version"], run["invocations"][0]["exitCode"]) == ("2.1.0", 4)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["rule"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (result["level"], place["artifactLocation"]["uri"]) == ("error", "policies/a.cedar")
    assert place["region"] == {"startLine": 2, "startColumn": 3}


REVIEWS: dict[str, tuple[Edit, str, str]] = {
    "two faults": (write(OWN, "permit;\n\n@id(3)"), "invalid", f"{OWN}:1:7"),
    "a contract": (swap("contracts/okta/unlock_user.yaml", "risk:", "risky:"), "invalid", "contracts/okta/unlock"),
    "nobody can approve": (without(APPROVALS, "leads-may-approve"), "findings", "policies/approvals.cedar:"),
    "a failing test": (without(APPROVALS, "prod-high-needs-lead"), "tests", "policies/approvals.test.yaml:"),
    "a bad test": (write("policies/own.test.yaml", "tests: 5"), "tests", "policies/own.test.yaml:1:1"),
    "nothing": (swap(BASE, "// Walls", "// Wall"), "sound", ""),
}


@pytest.mark.parametrize("name", REVIEWS)
def test_what_stops_a_release_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    edit, outcome, place = REVIEWS[name]
    init_sandbox(tmp_path / "w")
    edit(tmp_path / "w")
    found = review_of(Workspace.open(tmp_path / "w"), False)
    assert found.outcome == outcome
    assert [one for one in found.findings if str(one.position).startswith(place)] or outcome == "sound", found.findings
    assert found.files >= 5
    assert (found.tests > 20) is (outcome != "invalid" and name != "a bad test")


def test_the_exit_code_of_a_check_tells_what_is_wrong(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    said = cli("policy", "check", cwd=tmp_path / "w")
    assert re.search(r"ok: \d+ files, \d+ policies, \d+ tests", said)
    without(APPROVALS, "prod-high-needs-lead")(tmp_path / "w")
    said = cli("policy", "check", "--format", "json", cwd=tmp_path / "w", ok=False)
    document = orjson.loads(said)
    assert document["outcome"] == "tests"
    assert all(one["file"].endswith(".test.yaml") and one["line"] for one in document["findings"])
