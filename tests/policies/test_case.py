"""The cases of policy tests: read from files beside the policies, and refused where they would test nothing."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.case import Every, load_tests

CASE = "tests:\n  - {name: a, action: unlock_user, expect: permitted}\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_cases_are_read_with_the_name_of_their_file(tmp_path: Path) -> None:
    group = "tests:\n  - {name: b, action: {every: write}, expect: not_permitted, rate: {last_hour: 3}}\n"
    found = load_tests(written(tmp_path, base__cedar="", base__test__yaml=CASE, groups__test__yaml=group))
    assert [(name, case.name) for name, case in found] == [("base.test.yaml", "a"), ("groups.test.yaml", "b")]
    assert found[1][1].action == Every(every="write")
    assert found[1][1].rate.last_hour == 3


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a__yaml", CASE, "its name does not end in `.test.yaml`"),  # else it would be passed over
        ("a__test__yml", CASE, "its name does not end in `.test.yaml`"),
        ("a__test__yaml", "tests: []\n", "`tests` is an empty list"),
        ("a__test__yaml", "tests: [\n", "line"),
        ("a__test__yaml", "cases: []\n", "`tests`: field required"),
        ("a__test__yaml", CASE.replace("expect: permitted", "expect: yes"), "`tests.0.expect`"),
        ("a__test__yaml", CASE.replace("action: unlock_user, ", ""), "a case names an `action`, or what a `release`"),
        (
            "a__test__yaml",
            CASE.replace("name: a", "name: a, release: {}"),
            "a case names an `action`, or what a `release`",
        ),
        ("a__test__yaml", CASE.replace("name: a", "name: a, approver: {}"), "`approver` and `role` belong together"),
        ("a__test__yaml", CASE.replace("permitted", "may_approve"), "are for cases with an `approver`"),
        (
            "a__test__yaml",
            CASE.replace("name: a", "name: a, role: Lead, approver: {}"),
            "are for cases with an `approver`",
        ),
        ("a__test__yaml", CASE.replace("name: a", "name: a, need: {Lead: 1}"), "`need` is for cases that expect"),
        (
            "a__test__yaml",
            CASE.replace("action: unlock_user", "release: {risk: high}, params: {a: b}"),
            "`params` says nothing about a release",
        ),
    ],
)
def test_what_would_test_nothing_is_refused_with_its_file(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(AilyusError) as fault:
        load_tests(written(tmp_path, **{name: text}))
    assert (fault.value.code, fault.value.field) == ("bad_policy", name.replace("__", "."))
    assert words in fault.value.sentence


def test_a_folder_without_tests_has_proven_nothing(tmp_path: Path) -> None:
    with pytest.raises(AilyusError) as fault:
        load_tests(written(tmp_path, base__cedar="permit (principal, action, resource);"))
    assert fault.value.code == "tests_failed"
