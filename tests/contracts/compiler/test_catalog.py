"""Contracts: the bundled ones hold together; each named bad one is refused with file and line."""

import os
import shutil
from pathlib import Path

import pytest

from contracts.compiler.catalog import Complaints, load_catalog
from tests.contracts.bad import BAD, GOOD, LIBRARY, folder
from tests.world import ROOT


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
    assert len(catalog.programs) > 50
    assert len(catalog.plans) >= 7
    assert catalog.warnings == ()
    for program in catalog.programs.values():
        assert program.contract.verified_against
        for name in program.contract.inputs:
            if name.endswith("_id"):
                assert name in program.inputs.finders


def test_a_contract_is_compiled_again_where_it_or_what_it_shares_changed(tmp_path: Path) -> None:
    """Its file, the declarations of its system, and the flows: whatever else changes in the folder."""
    here = folder(tmp_path, GOOD)
    copied = shutil.copytree(LIBRARY / "helpdesk", here / "helpdesk")
    before = load_catalog(here).programs

    def changed(path: Path, more: str) -> set[str]:
        text = path.read_text()
        path.write_text(text + more)
        after = load_catalog(here).programs
        path.write_text(text)
        return {name for name in before if after[name] is not before[name]}

    assert changed(copied / "set_ticket_priority.yaml", "# a word\n") == {"set_ticket_priority"}
    assert changed(copied / "_system.yaml", "# a word\n") == set(before) - {"find_user", "unlock_user"}
    assert changed(next(copied.glob("flow_*.yaml")), "# a word\n") == set(before)
    assert load_catalog(here).programs is before


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


HALF = "contract: half\ndraft: true\nrisk: TODO choose one\nexecute: [\n"


def test_a_draft_stops_nothing_and_counts_for_nothing(tmp_path: Path) -> None:
    here = folder(tmp_path, GOOD)
    (here / "okta" / "half.yaml").write_text(HALF)
    catalog = load_catalog(here)
    assert catalog.programs.keys() == load_catalog(folder(tmp_path / "plain", GOOD)).programs.keys()
    assert [line.split(";")[0] for line in catalog.warnings] == [
        "`contracts/okta/half.yaml` is a draft and does not count"
    ]
    (here / "okta" / "half.yaml").write_text(HALF.replace("execute: [\n", ""))
    assert load_catalog(here).warnings == (
        "`contracts/okta/half.yaml` is a draft and does not count",
        "contracts/okta/half.yaml:3: `risk` is still to do: choose one",
    )
    (here / "okta" / "unlock_user.yaml").write_text(f"{GOOD}draft: true\n")
    (done,) = [line for line in load_catalog(here).warnings if "unlock_user" in line]
    assert done.endswith("when it is done, take the line `draft: true` away")


def test_what_is_a_draft_is_never_half_of_a_catalog(tmp_path: Path) -> None:
    here = folder(tmp_path, GOOD.replace("undo: none", "undo: {contract: half, inputs: {}}"))
    (here / "okta" / "half.yaml").write_text(HALF)
    with pytest.raises(Complaints) as caught:
        load_catalog(here)
    assert "the undo `half` is no action of this catalog" in str(caught.value)
    (here / "okta" / "half.yaml").unlink()
    (here / "okta" / "unlock_user.yaml").write_text(f"{GOOD}draft:   true\n")
    with pytest.raises(Complaints) as caught:
        load_catalog(here)
    assert "is written on a line of its own" in str(caught.value)
