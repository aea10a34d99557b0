"""A report in JUnit's XML: read again by a parser, with each case and its failure."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from contracts.errors import AilyusError
from server.cli.junit import JunitCase, write_junit


def test_a_report_names_each_case_and_why_it_failed(tmp_path: Path) -> None:
    cases = [
        JunitCase("a.test.yaml", "lead & <two>", ""),
        JunitCase("b.test.yaml", "night", 'wanted "denied"\nnot <x>'),
    ]
    write_junit(tmp_path / "report.xml", "policies", iter(cases))
    root = ElementTree.parse(tmp_path / "report.xml").getroot()  # noqa: S314 # what we wrote
    assert [root.get(key) for key in ("name", "tests", "failures")] == ["policies", "2", "1"]
    found = root.findall("testsuite/testcase")
    assert [(one.get("classname"), one.get("name")) for one in found] == [(one.file, one.name) for one in cases]
    assert [one.findtext("failure") for one in found] == [None, cases[1].failure]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="cannot be written"):
        write_junit(tmp_path / "missing" / "report.xml", "policies", [])
