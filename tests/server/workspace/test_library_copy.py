"""The copy of the bundled library: contracts, policies, and the tests that are about what is there."""

from pathlib import Path

import pytest

from contracts.compiler.catalog import load_catalog
from policies.case import Every, load_tests
from server.workspace.library_copy import copy_library


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("w")
    copy_library(folder, ["okta", "office"], ["base", "support"])
    return folder


def test_the_contracts_of_a_system(copied: Path) -> None:
    programs = load_catalog(copied / "contracts").programs
    assert "unlock_user" in programs
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
    copy_library(tmp_path, ["scim"], ["support", "groups"])
    groups = {case.action.every for _, case in load_tests(tmp_path / "policies") if isinstance(case.action, Every)}
    assert groups == {"tag_access_grant"}


def test_every_file_names_the_schema_for_editors(copied: Path) -> None:
    first = (copied / "contracts" / "okta" / "unlock_user.yaml").read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (copied / "contracts" / "okta" / first.partition("$schema=")[2]).resolve().is_file()
