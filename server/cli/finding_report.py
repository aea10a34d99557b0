"""The report of findings: text for people, JSON, SARIF 2.1.0 (OASIS) for code scanning, annotations of GitHub."""

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from policies.policy_finding import PolicyFinding

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "note": "notice"}
"""GitHub's word for each level (workflow commands)."""


class ReportFormat(StrEnum):
    """How to print findings; the first three are those of every command."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    sarif = "sarif"
    github = "github"


ReportOption = Annotated[
    ReportFormat,
    typer.Option("--format", help="Text, JSON, SARIF for code scanning, or annotations of a GitHub workflow."),
]


def report_lines(
    findings: Sequence[PolicyFinding], texts: Mapping[str, str], format_: ReportFormat, exits: int
) -> list[str]:
    """The lines of a report; those of JSON are left to the answer. `exits` is the command's exit code."""
    match format_:
        case ReportFormat.sarif:
            # only ASCII: nothing in it can be escaped a second time on its way to the terminal
            return json.dumps(_sarif(findings, exits), indent=2).split("\n")
        case ReportFormat.github:
            return [_annotation(one) for one in findings]
        case _:
            return [line for one in findings for line in one.lines(texts)]


def _sarif(findings: Sequence[PolicyFinding], exits: int) -> dict[str, JsonValue]:
    rules: list[JsonValue] = [{"id": rule} for rule in sorted({one.rule for one in findings})]
    driver: dict[str, JsonValue] = {"name": "ailyus", "version": importlib.metadata.version("ailyus"), "rules": rules}
    results: list[JsonValue] = [_result(one) for one in findings]
    invocation: dict[str, JsonValue] = {"executionSuccessful": True, "exitCode": exits}
    run: dict[str, JsonValue] = {"tool": {"driver": driver}, "invocations": [invocation], "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: PolicyFinding) -> dict[str, JsonValue]:
    text = f"{finding.says}. {finding.hint}" if finding.hint else finding.says
    document: dict[str, JsonValue] = {"ruleId": finding.rule, "level": finding.level, "message": {"text": text}}
    # what is about settings or people has no place in a file of policies
    if finding.position is not None:
        region: JsonValue = {"startLine": finding.position.line, "startColumn": finding.position.column}
        place: JsonValue = {"artifactLocation": {"uri": finding.position.file}, "region": region}
        document["locations"] = [{"physicalLocation": place}]
    return document


def _annotation(finding: PolicyFinding) -> str:
    place = finding.position
    where = f"file={_property(place.file)},line={place.line},col={place.column}," if place else ""
    text = f"{finding.says}. {finding.hint}" if finding.hint else finding.says
    return f"::{_LEVELS[finding.level]} {where}title={_property(finding.rule)}::{_data(text)}"


def _data(text: str) -> str:
    # otherwise a file's text could end the annotation and begin another command of the runner
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
