"""Folders of contracts: one look shows every fault with its file and line, and no faulty file is handed out."""

from functools import partial
from pathlib import Path

import pytest

from contracts.compiler.catalog import Complaints, load_catalog
from contracts.compiler.compile import compile_contract
from contracts.compiler.contract_folder import ContractFolder
from contracts.compiler.program import Program
from contracts.schema.contract import Contract, System
from tests.world import ROOT

GOOD = (ROOT / "tests" / "vectors" / "records" / "set_value.yaml").read_text()
FLOW = (ROOT / "contracts" / "library" / "helpdesk" / "flow_login.yaml").read_text()
COMPILE = partial(compile_contract, system=None)


def folder(path: Path, **files: str) -> ContractFolder:
    (path / "contracts").mkdir()
    for name, text in files.items():
        (path / "contracts" / f"{name}.yaml").write_text(text)
    return ContractFolder(path / "contracts")


def compiled(path: Path, text: str) -> tuple[Program | None, list[str]]:
    made = folder(path, a=text)
    program = made.compiled(path / "contracts" / "a.yaml", Contract, COMPILE)
    return program, [str(fault).split("\n")[0] for fault in made.faults]


def test_a_good_file_is_compiled_without_a_fault(tmp_path: Path) -> None:
    program, faults = compiled(tmp_path, GOOD)
    assert program is not None
    assert (program.name, faults) == ("set_value", [])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the file holds no YAML object"),
        ("- a\n", 1, "the file holds no YAML object"),
        ("a: 1\na: 2\n", 2, "no YAML: duplicate key `a`"),
        (GOOD + "colour: blue\n", GOOD.count("\n") + 1, "`colour`: is not a key that exists here"),
        (GOOD.replace("risk: low", "risk: TODO choose one"), 7, "`risk` is still to do: choose one"),
        (GOOD.replace("risk: low", "risk: TODO"), 7, "`risk` is still to do"),
    ],
)
def test_a_file_that_is_not_read_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    program, faults = compiled(tmp_path, text)
    assert program is None
    assert faults == [f"contracts/a.yaml:{line}: {words}"]


def test_after_a_fault_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    second = '  - {that: "after.record.value == before.record.other", else: y}\n'
    text = GOOD.replace("from ${before.record", "from ${before.recrd").replace("evidence:", f"{second}evidence:")
    text = text.replace("after.record.value == inputs.value", "after.record.value == inputs.valu")
    program, faults = compiled(tmp_path, text)
    assert program is None
    lines = text.splitlines()
    told = [lines[int(fault.split(":")[1]) - 1].split(":")[0].strip(" -{") for fault in faults]
    assert told == ["that", "says"], faults
    assert "inputs.valu`" in faults[0]
    assert "before.recrd" in faults[1]


def test_a_program_of_a_file_with_a_fault_is_not_handed_out(tmp_path: Path) -> None:
    program, faults = compiled(tmp_path, GOOD.replace("expect:\n", "expect:\n  - {that: after.nobody.x, else: y}\n"))
    assert program is None
    assert len(faults) == 1


def test_a_fault_that_others_would_follow_from_is_told_alone(tmp_path: Path) -> None:
    program, faults = compiled(tmp_path, GOOD.replace('${inputs.record}"}', '${inputs.nobody}"}', 1))
    assert program is None
    assert len(faults) == 1


def test_a_flow_that_exists_twice_is_refused(tmp_path: Path) -> None:
    made = folder(tmp_path, a=FLOW, b=FLOW, c="flow: [")
    files = [tmp_path / "contracts" / f"{name}.yaml" for name in "abc"]
    assert list(made.flows(files)) == ["helpdesk_login"]
    assert str(made.faults[0]).split("\n")[0] == ("contracts/b.yaml:1: the flow `helpdesk_login` exists twice")
    assert len(made.faults) == 2


def test_a_file_that_is_not_there_is_a_fault_and_no_exception(tmp_path: Path) -> None:
    made = folder(tmp_path)
    assert made.read(tmp_path / "contracts" / "a.yaml", System) is None
    assert made.system(tmp_path / "contracts" / "a.yaml") is None
    assert all("the file cannot be read" in fault.sentence for fault in made.faults)
    assert len(made.faults) == 2


def told_at(text: str, faults: list[str]) -> list[str]:
    """The first words of each line that a fault names."""
    lines = text.splitlines()
    return [lines[int(fault.split(":")[1]) - 1].split(":")[0].strip(" -{") for fault in faults]


def test_after_a_key_that_does_not_exist_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    text = GOOD.replace("expect:\n", "expect:\n  - {that: after.record.value == 1 +, els: y}\n")
    text = text.replace("from ${before.record", "of ${before.recrd")
    program, faults = compiled(tmp_path, text)
    assert program is None
    assert told_at(text, faults) == ["that", "that", "says"], faults


def test_what_is_still_to_do_hides_no_other_fault(tmp_path: Path) -> None:
    text = GOOD.replace('that: "after.record.value == inputs.value"', "that: TODO say what holds then")
    text = text.replace("settle: {within: 300ms", "settle: {within: 300 ms").replace(
        "from ${before.record", "of ${befor"
    )
    program, faults = compiled(tmp_path, text)
    assert program is None
    assert told_at(text, faults) == ["that", "settle"], faults  # and without `settle`, which has a default, no more


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ('pattern: "^[a-z0-9]{1,20}$"', 'pattern: "^[a-z"', {"record", "unchanged"}),  # an input
        ("{record: {get:", "{record: {gett:", {"observe"}),  # a look: the resource names it, and nothing is without one
    ],
)
def test_what_only_follows_from_a_fault_is_not_told(tmp_path: Path, good: str, bad: str, told: set[str]) -> None:
    """Everything else of this file names the record."""
    text = GOOD.replace(good, bad, 1).replace("evidence:", "unchanged: [nobody.x]\nevidence:")
    program, faults = compiled(tmp_path, text)
    assert program is None
    assert (set(told_at(text, faults)), len(faults)) == (told, len(told)), faults


def test_a_contract_that_names_a_faulty_file_has_no_fault_by_that(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "a.yaml").write_text(GOOD.replace("risk: low", "risk: TODO"))
    other = GOOD.replace("contract: set_value\n", "contract: put_value\n")
    (contracts / "b.yaml").write_text(other)
    plan = "plan: two\ntitle: Two\nsummary: Two steps.\nuse_when: never\nsteps:\n"
    step = "  - {id: %s, contract: %s, inputs: {record: r1, value: a}}\n"
    (contracts / "c.yaml").write_text(plan + step % ("one", "set_value") + step % ("two", "put_value"))
    with pytest.raises(Complaints) as caught:
        load_catalog(contracts)
    assert [str(fault).split("\n")[0] for fault in caught.value.faults] == ["contracts/a.yaml:7: `risk` is still to do"]
    (contracts / "a.yaml").unlink()
    with pytest.raises(Complaints) as missing:
        load_catalog(contracts)
    assert len(missing.value.faults) == 2, str(missing.value)  # the plan's step, and the undo
