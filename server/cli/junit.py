"""A report in JUnit's XML, which CI systems show beside a change (https://github.com/testmoapp/junitxml)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from contracts.errors import AilyusError


@dataclass(frozen=True, slots=True)
class JunitCase:
    """One case: the file that it is in, its name, and why it failed ('' when it passed)."""

    file: str
    name: str
    failure: str


def write_junit(path: Path, suite: str, cases: Iterable[JunitCase]) -> None:
    """Write the report of one suite; raises `AilyusError` where the file cannot be written."""
    found = list(cases)
    failed = sum(bool(one.failure) for one in found)
    counts = {"name": suite, "tests": str(len(found)), "failures": str(failed), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", counts)
    report = ElementTree.SubElement(root, "testsuite", counts)
    for one in found:
        case = ElementTree.SubElement(report, "testcase", {"name": one.name, "classname": one.file, "time": "0"})
        if one.failure:
            ElementTree.SubElement(case, "failure", {"message": one.failure, "type": "policy"}).text = one.failure
    ElementTree.indent(root)
    try:
        path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise AilyusError(
            "bad_settings", f"`{path}` cannot be written: {error.strerror}", hint="name another file"
        ) from None
