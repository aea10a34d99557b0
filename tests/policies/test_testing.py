"""A file of policy tests that is none says what to change, and where."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.bundle import load_bundle
from policies.case import Case, load_tests
from policies.decider import Decider
from policies.testing import run_tests
from tests.policies.library import LIBRARY
from tests.policies.making import PROGRAMS
from tests.world import cli

TEXTS = {p.name: p.read_text() for p in LIBRARY.glob("*.cedar")}
DECIDER = Decider(
    load_bundle(TEXTS, PROGRAMS, ("Support", "Operations", "SecurityLead"), ("prod", "staging")), PROGRAMS
)

BAD = {
    "no_yaml": (b"tests:\n  - {name: x", "line 3: did not find expected"),
    "too_deep": (b"tests: " + b"[" * 9_000, "line 1: more than 64"),
    "no_tests": (b"cases: []\n", "`tests`: field required"),
    "a_case_without_its_action": (
        b"tests:\n  - {name: x, expect: denied}\n",
        "`tests.0`: a case names an `action`, or what a `release` changes",
    ),
    "a_case_of_both": (
        b"tests:\n  - {name: x, action: unlock_user, release: {}, expect: denied}\n",
        "`tests.0`: a case names an `action`, or what a `release` changes",
    ),
    "a_release_with_a_resource": (
        b"tests:\n  - {name: x, release: {}, resource: {}, expect: denied}\n",
        "`tests.0`: `resource` says nothing about a release",
    ),
    "no_text": (b"\xff", "line 1: the file is no UTF-8"),
}


BAD |= {
    "an_empty_list": (b"tests: []\n", "`tests` is an empty list"),
    "a_role_without_an_approver": (
        b"tests:\n  - {name: x, action: unlock_user, role: Support, expect: may_approve}\n",
        "`approver` and `role` belong together",
    ),
    "a_need_of_what_is_permitted": (
        b"tests:\n  - {name: x, action: unlock_user, expect: permitted, need: {SecurityLead: 1}}\n",
        "`need` is for cases that expect",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_of_tests(tmp_path: Path, name: str) -> None:
    content, words = BAD[name]
    (tmp_path / "x.test.yaml").write_bytes(content)
    with pytest.raises(AilyusError, match=words) as caught:
        load_tests(tmp_path)
    assert caught.value.field == "x.test.yaml"
    assert caught.value.hint


def test_no_test_at_all_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="there are no policy tests"):
        load_tests(tmp_path)


@pytest.mark.parametrize("name", ["x.tests.yaml", "x.test.yml", "test_x.yaml", "x.Test.yaml"])
def test_a_file_that_nobody_would_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("tests:\n  - {name: x, action: unlock_user, expect: denied}\n")
    with pytest.raises(AilyusError, match="does not end in") as caught:
        load_tests(tmp_path)
    assert caught.value.field == name


UNKNOWN = {
    "role of the agent": ({"agent": {"roles": ["Suport"]}}, "no role `Suport`"),
    "role of the person": ({"person": {"roles": ["Suport"]}}, "no role `Suport`"),
    "role of the approver": (
        {"approver": {"roles": ["Lead"]}, "role": "SecurityLead", "expect": "may_not_approve"},
        "no role `Lead`",
    ),
    "role to approve in": (
        {"approver": {"roles": ["SecurityLead"]}, "role": "Lead", "expect": "may_not_approve"},
        "no role `Lead`",
    ),
    "role of an approval": ({"approvals": {"SecurityLed": 1}}, "no role `SecurityLed`"),
    "role of the need": ({"expect": "approval_required", "need": {"Led": 1}}, "no role `Led`"),
    "environment": ({"resource": {"environment": "production"}}, "no environment `production`"),
    "attribute": ({"resource": {"attributes": {"vipp": True}}}, "no attribute of OktaUser `vipp`"),
    "value of an attribute": ({"resource": {"attributes": {"vip": "yes"}}}, "the attribute `vip` is no Bool"),
    "policy": ({"because": ["no-such-policy"]}, "no policy `no-such-policy`"),
    "input": ({"params": {"user": "u"}}, "no input `user`"),
    "value of an input": ({"params": {"user_id": 7}}, "the input `user_id`"),
    "request": ({"request": {"verified": False}}, "knows no `request`"),
    "contract": ({"action": "suspend_usr"}, "no contract `suspend_usr`"),
    "group": ({"action": {"every": "tag_acount_access"}}, "no group `tag_acount_access`"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_case_that_names_what_does_not_exist_fails_whatever_it_expects(name: str) -> None:
    fields, words = UNKNOWN[name]
    case = Case.model_validate({"name": "x", "action": "suspend_user", "expect": "denied", **fields})
    results = run_tests(DECIDER, PROGRAMS, [case])
    assert [words in r.failure for r in results] == [True], results


def test_the_same_case_rightly_spelt_passes() -> None:
    fields = {"name": "x", "action": "suspend_user", "expect": "denied", "params": {"user_id": "u"}}
    resource = {"environment": "staging", "attributes": {"vip": False}}
    case = Case.model_validate({**fields, "agent": {"roles": ["Support"]}, "resource": resource})
    assert [r.failure for r in run_tests(DECIDER, PROGRAMS, [case])] == [""]


def test_a_case_of_a_group_is_run_for_each_of_its_contracts_and_environments() -> None:
    what = {"name": "x", "action": {"every": "risk_at_least_high"}, "expect": "not_permitted"}
    case = Case.model_validate({**what, "resource": {"environment": "*"}, "person": {"roles": ["*"]}})
    names = {r.case.name for r in run_tests(DECIDER, PROGRAMS, [case])}
    high = {p.name for p in PROGRAMS.values() if p.contract.risk in ("high", "critical")}
    assert names == {f"x: {name}: {place}" for name in high for place in ("prod", "staging")}


def test_outside_of_a_workspace_nothing_is_tested_unless_it_is_asked_for(tmp_path: Path) -> None:
    for command in (("policy", "test"), ("policy", "explain", "unlock_user")):
        assert "there is no `ailyus.toml`" in cli(*command, cwd=tmp_path, ok=False)
    assert "0 failed" in cli("policy", "test", "--bundled", cwd=tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--person-role", "Suport"), "no role `Suport`"),
        (("--environment", "production"), "no environment `production`"),
        (("--attribute", "vipp=true"), "no attribute of OktaUser `vipp`"),
        (("--approval", "SecurityLed=1"), "no role `SecurityLed`"),
        (("--approval", "SecurityLead"), "says no number of approvals"),
    ],
)
def test_an_explanation_of_what_does_not_exist_is_refused(given: tuple[str, str], words: str, tmp_path: Path) -> None:
    assert words in cli("policy", "explain", "suspend_user", *given, "--bundled", cwd=tmp_path, ok=False)
