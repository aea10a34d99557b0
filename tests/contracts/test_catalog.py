"""Contracts: the bundled ones hold together; each named bad one is refused with file and line."""

import os
from pathlib import Path

import pytest

from contracts.catalog import Complaints, load_catalog
from tests.world import ROOT

LIBRARY = ROOT / "contracts" / "library"
GOOD = (LIBRARY / "okta" / "unlock_user.yaml").read_text()
SYSTEM = (LIBRARY / "okta" / "_system.yaml").read_text()
FINDER = (LIBRARY / "okta" / "find_user.yaml").read_text()

BAD = {
    "unknown_key": (GOOD + "colour: blue\n", "bad_contract", "`colour`"),
    "duplicate_key": (GOOD + "risk: low\n", "bad_contract", "duplicate key"),
    "alias": (GOOD.replace("tags: [identity, account_access]", "tags: &a [identity]\nfoo: *a"), "bad_contract", "aliases"),
    "typo_in_cel": (GOOD.replace("after.user.status ==", "after.usr.status =="), "bad_expression", "does not compile"),
    "undeclared_input": (GOOD.replace("${inputs.user_id}/lifecycle", "${inputs.uid}/lifecycle"), "bad_expression", "does not compile"),
    "two_in_a_segment": (GOOD.replace("users/${inputs.user_id}/", "users/${inputs.user_id}${inputs.user_id}/"), "bad_contract", "stands a mark"),
    "dots_in_path": (GOOD.replace("/lifecycle/unlock", "/../unlock"), "bad_contract", "none is `.` or `..`"),
    "unknown_keyword": (GOOD.replace("pattern:", "patern:"), "bad_contract", "patern"),
    "no_finder": (GOOD.replace("from: find_user", "from: find_nobody"), "bad_contract", "no read"),
    "browser": (GOOD.replace("  - http:", "  - browser: {flow: x}\n    http:"), "bad_contract", "exactly one of http, browser"),
    "undo": (GOOD.replace("undo: none", "undo: {contract: lock_user}"), "bad_contract", "no action of this catalog"),
    "undo_word": (GOOD.replace("undo: none", "undo: lock_user"), "bad_contract", "undo"),
    "secret": (GOOD.replace("description: \"Okta user id.\"", "description: x, secret: true"), "not_supported_yet", "secret"),
    "two_methods": (GOOD.replace("timeout: 10s", "timeout: 10s, put: /x"), "bad_contract", "exactly one"),
    "bad_duration": (GOOD.replace("settle: 5s", "settle: soon"), "bad_contract", "duration"),
    "checks_nothing": (GOOD.replace("after.user.status == 'ACTIVE'", "true"), "bad_contract", "the same whatever is read"),
    "checks_nothing_in_the_end": (GOOD.replace("after.user.status == 'ACTIVE'", "after.user.status == 'ACTIVE' || 1 == 1"), "bad_contract", "the same whatever is read"),
    "absence_is_proof": (GOOD.replace("after.user.status == 'ACTIVE'", "!has(after.user.locked) || !after.user.locked"), "bad_contract", "a field that is not there"),
    "presence_is_asked": (GOOD.replace("after.user.status == 'ACTIVE'", "has(after.user.status) && after.user.status == 'ACTIVE'"), "bad_contract", "a field that is not there"),
    "absence_lets_through": (GOOD.replace("before.user.status in", "!has(before.user.locked) || before.user.status in"), "bad_contract", "a field that is not there"),
    "bound_without_a_reason": (GOOD.replace("settle: 5s", "settle: {within: 5s}"), "bad_contract", "needs `within`"),
    "no_read_shows_the_resource": (
        GOOD.replace("resource: system", 'resource: {type: OktaUser, id: "${inputs.serial}"}').replace(
            "inputs:\n", 'inputs:\n  serial: {type: string, description: "Serial."}\n'
        ),
        "bad_contract",
        "no read shows that `serial` is the resource",
    ),
    "no_expectation": (GOOD.replace("expect:\n", "require2:\n"), "bad_contract", "require2"),
    "no_evidence": (GOOD.replace("[before, after, response]", "[before]"), "bad_contract", "evidence"),
    "credential_header": (GOOD.replace("timeout: 10s}", "timeout: 10s, headers: {Authorization: x}}"), "bad_contract", "not for contracts"),
    "reserved_input": (GOOD.replace("inputs:\n", 'inputs:\n  reason: {type: string, description: "x"}\n'), "bad_contract", "reserved"),
    "unobserved_path": (GOOD.replace("shows: [before.user.status]", "shows: [before.group.x]"), "bad_contract", "observed nowhere"),
    "too_deep": ("a: " + "[" * 9_000, "bad_contract", "no YAML: more than 64"),
    "a_list_as_key": (GOOD + "? [a]\n: b\n", "bad_contract", "no YAML: a key must be a word"),
    "not_yaml": ("{{{", "bad_contract", "no YAML"),
    "a_list": ("- a\n- b\n", "bad_contract", "no YAML object"),
    "a_number_input": (GOOD.replace("type: string", "type: number", 1), "bad_contract", "type"),
    "untyped_function": (
        GOOD.replace("timeout: 10s}", "timeout: 10s, query: {q: \"name eq '${inputs.user_id}'\"}}"),
        "bad_expression",
        "another grammar",
    ),
}  # fmt: skip


def folder(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "contracts" / "okta"
    path.mkdir(parents=True)
    (path / "_system.yaml").write_text(SYSTEM)
    (path / "find_user.yaml").write_text(FINDER)
    (path / "unlock_user.yaml").write_text(text)
    return tmp_path / "contracts"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_contract_is_refused_with_file_and_line(tmp_path: Path, name: str) -> None:
    text, code, words = BAD[name]
    with pytest.raises(Complaints) as caught:
        load_catalog(folder(tmp_path, text))
    fault = caught.value.faults[0]
    assert fault.code == code, str(fault)
    assert words in str(fault)
    assert fault.hint
    if name not in ("no_finder", "undo"):  # seen only when every file is loaded
        assert (fault.field or "").startswith("contracts/okta/unlock_user.yaml:")


def test_the_line_is_the_right_one(tmp_path: Path) -> None:
    text, _, _ = BAD["typo_in_cel"]
    line = 1 + next(i for i, x in enumerate(text.split("\n")) if "after.usr" in x)
    with pytest.raises(Complaints) as caught:
        load_catalog(folder(tmp_path, text))
    assert caught.value.faults[0].field == f"contracts/okta/unlock_user.yaml:{line}"


def test_code_in_a_folder_of_contracts_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path, GOOD)
    (path / "__init__.py").write_text("")
    with pytest.raises(Complaints):
        load_catalog(path)


def test_the_library_holds_together() -> None:
    catalog = load_catalog(LIBRARY)
    assert len(catalog.programs) == 47
    assert len(catalog.plans) == 7
    assert catalog.warnings == ()
    for program in catalog.programs.values():
        assert program.contract.verified_against
        for name in program.contract.inputs:
            if name.endswith("_id"):
                assert name in program.inputs.finders


def test_the_same_files_are_compiled_once_and_every_change_is_seen(tmp_path: Path) -> None:
    here = folder(tmp_path / "one", GOOD)
    first = load_catalog(here)
    assert load_catalog(folder(tmp_path / "two", GOOD)) is first
    file = here / "okta" / "unlock_user.yaml"
    at = file.stat()
    file.write_text(GOOD.replace("risk: medium", "risk: high"))
    os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))  # an editor may keep the time
    assert load_catalog(here).programs["unlock_user"].contract.risk == "high"
    file.write_text("contract: [")
    with pytest.raises(Complaints):
        load_catalog(here)
    file.write_text(GOOD)
    assert load_catalog(here) is first


def test_content_makes_the_digest(tmp_path: Path) -> None:
    one = load_catalog(folder(tmp_path / "a", GOOD)).programs["unlock_user"].digest
    same = load_catalog(folder(tmp_path / "b", "# a comment\n" + GOOD)).programs["unlock_user"].digest
    other = (
        load_catalog(folder(tmp_path / "c", GOOD.replace("settle: 5s", "settle: 6s"))).programs["unlock_user"].digest
    )
    assert one == same != other


def test_one_look_shows_every_fault_of_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    text = (ROOT / "tests" / "vectors" / "records" / "set_value.yaml").read_text()
    wrong = text.replace(
        "expect:\n",
        'expect:\n  - {that: "after.nothing == 1 +", else: x}\n  - {that: "after.record.value == inputz.value", else: y}\n',
    ).replace('says: "Set the record ${inputs.record}', 'says: "Set the record ${inputs.recrd}')
    (folder / "set_value.yaml").write_text(wrong)
    with pytest.raises(Complaints) as caught:
        load_catalog(folder)
    lines = wrong.splitlines()
    told = {}
    for fault in caught.value.faults:
        line = int(str(fault.field).rpartition(":")[2])
        told[lines[line - 1].strip()[:30]] = fault.sentence
    assert len(told) == 3, told
    for word in ("inputs.recrd", "inputz.value", "does not compile"):
        assert any(word in sentence for sentence in told.values()), told
