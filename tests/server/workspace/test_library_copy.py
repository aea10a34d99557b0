"""The copy of the bundled library: contracts, policies, and the tests that are about what is there."""

from pathlib import Path

import pytest

from contracts.compiler.catalog import load_catalog
from policies.case import Every, load_tests
from server.workspace.library_copy import copy_library, remove_policies


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("w")
    copy_library(folder, ["okta", "office"], ["base", "support"], ["clear_user_sessions"])
    return folder


def test_the_contracts_of_a_system_without_those_that_are_named(copied: Path) -> None:
    programs = load_catalog(copied / "contracts").programs
    assert "unlock_user" in programs
    assert "clear_user_sessions" not in programs
    assert (copied / "contracts" / "office").is_dir()
    assert list((copied / "contracts" / "office").iterdir()) == []  # its contracts are drafted


def test_only_the_policies_that_were_asked_for(copied: Path) -> None:
    assert sorted(path.name for path in (copied / "policies").glob("*.cedar")) == ["base.cedar", "support.cedar"]


def test_no_case_is_about_a_contract_that_is_not_here(copied: Path) -> None:
    names = set(load_catalog(copied / "contracts").programs)
    cases = [case for _, case in load_tests(copied / "policies")]
    assert cases
    assert {case.action for case in cases if isinstance(case.action, str)} <= names


def test_no_case_is_about_a_tag_that_no_contract_here_has(tmp_path: Path) -> None:
    without = ("reset_user_mfa", "reset_user_factor", "restore_account_access")
    copy_library(tmp_path, ["okta"], ["support", "groups"], without)
    groups = {case.action.every for _, case in load_tests(tmp_path / "policies") if isinstance(case.action, Every)}
    assert groups == {"tag_access_grant"}


def test_every_file_names_the_schema_for_editors(copied: Path) -> None:
    first = (copied / "contracts" / "okta" / "unlock_user.yaml").read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (copied / "contracts" / "okta" / first.partition("$schema=")[2]).resolve().is_file()


def test_a_policy_is_taken_out_with_its_comment_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "p.cedar"
    file.write_text(
        '// keep this\n@id("one") permit (principal, action, resource);\n\n'
        '// why two\n@id("two") forbid (principal, action, resource)\nwhen { true };\n\n'
        '// why three\n@id("two-more") permit (principal, action, resource);\n'
    )
    remove_policies(file, ["two", "none"])
    assert file.read_text() == (
        '// keep this\n@id("one") permit (principal, action, resource);\n\n'
        '// why three\n@id("two-more") permit (principal, action, resource);\n'
    )
