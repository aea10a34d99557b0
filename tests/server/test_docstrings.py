"""The docstring of each core module says what the module is, what it is not, what it promises, and who calls it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.project import PACKAGES, ROOT

INVARIANTS = 10
CORE = (
    "server/app.py",
    "server/actions/pipeline.py",
    "server/actions/recovery.py",
    "server/execution/executor.py",
    "server/execution/undo.py",
    "server/plans/runner.py",
    "server/operations/rechecks.py",
    "server/results/answers.py",
    "server/mcp/gateway.py",
    "receipts/journal/journal.py",
    "receipts/store/store.py",
    "receipts/statement/statement.py",
    "receipts/reconciliation/reconciliation.py",
    "receipts/log/merkle.py",
    "receipts/audit/verify.py",
    "policies/decider.py",
    "policies/bundle.py",
    "policies/release.py",
    "contracts/compiler/compile.py",
    "contracts/canonical.py",
    "adapters/http/adapter.py",
    "adapters/adapter.py",
)


def docstring(module: str) -> str:
    """The docstring of a core module."""
    return ast.get_docstring(ast.parse((ROOT / module).read_text())) or ""


@cache
def names() -> frozenset[str]:
    """Every class of the packages, and its members as `Class.member`."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return frozenset(name for file in files for name in _names(file))


def _names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.ClassDef):
            continue
        yield node.name
        for member in node.body:
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{node.name}.{member.name}"
            elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                yield f"{node.name}.{member.target.id}"


def faults(text: str) -> Iterator[str]:
    """What a core docstring lacks, and what it names that is not there."""
    lines = text.split("\n")
    if not 5 <= len(lines) <= 15:
        yield f"it has {len(lines)} lines, and not 5 to 15"
    if "MUST" not in text:
        yield "it promises nothing: no MUST"
    for numbers in re.findall(r"invariants? ([\d, andto]+)", " ".join(text.split())):
        yield from (f"there is no invariant {n}" for n in re.findall(r"\d+", numbers) if not 1 <= int(n) <= INVARIANTS)
    for span in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(r"[A-Z][a-z]\w*(\.\w+)?", span) and span not in names() and span not in TYPES:
            yield f"nothing is called {span}"
        if re.fullmatch(r"\w+(/[\w.]+)+", span) and not (ROOT / span).exists():
            yield f"there is no {span}"


TYPES = {"Delivery"}  # a type of literals, and no class


@pytest.mark.parametrize("module", CORE)
def test_a_core_docstring_says_what_it_promises_and_names_what_exists(module: str) -> None:
    text = docstring(module)
    assert list(faults(text)) == []
    assert re.search(r"\b(not|nothing|no|neither|never|only)\b", text), "it does not say what it is not"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\n\nb MUST hold", "it has 3 lines, and not 5 to 15"),
        ("a\n\nb\nc\nd", "it promises nothing: no MUST"),
        ("a\n\nb\nMUST\n(invariants 3 and 11)", "there is no invariant 11"),
        ("a\n\nb\nMUST\n`Pipeline.pretend`", "nothing is called Pipeline.pretend"),
        ("a\n\nb\nMUST\n`receipts/nothing.py`", "there is no receipts/nothing.py"),
    ],
)
def test_what_a_docstring_lacks_is_found(text: str, fault: str) -> None:
    assert list(faults(text)) == [fault]
