"""What `ailyus policy test` tells of cases that passed, and of one that failed."""

from dataclasses import replace

from policies.case import load_tests
from policies.testing import run_tests
from server.cli.exit_code import DONE, FAILED
from server.cli.policy_test_report import report_of
from server.workspace.policy_set import policy_set_of


def test_a_failed_case_is_named_and_what_it_has_seen_does_not_count() -> None:
    policies = policy_set_of(None)
    cases = [one for one in load_tests(policies.folder) if one[0] == "slack.test.yaml"]
    found = [(file, one) for file, case in cases for one in run_tests(policies.decider, policies.programs, [case])]
    passed = report_of(policies, cases, found, is_bundled=True)
    assert (passed.code, passed.lines, passed.document.passed) == (DONE, [], len(found))
    assert passed.document.conditions
    assert passed.says[0] == f"{len(found)} passed, 0 failed"

    file, first = found[0]
    failed = report_of(policies, cases, [(file, replace(first, failure="denied")), *found[1:]], is_bundled=True)
    assert (failed.code, failed.lines) == (FAILED, [f"FAILED {first.case.name}: denied"])
    assert (failed.document.failed, failed.document.conditions) == ([first.case.name], [])
