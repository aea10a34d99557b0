"""The short form: each guard has its anchor, what stands instead of it fits, and three of them are taken out."""

import ast
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from tests.guards import GUARDS, ROOT, anchors, survives, taken_out
from tests.node import NODE

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
OF_LIBRARIES = {"environ", "verify"}
"""What only a `without` takes of a library, and the source does not."""


def test_every_guard_has_one_anchor_and_every_anchor_a_guard() -> None:
    assert [name for name, count in Counter(g.name for g in GUARDS).items() if count > 1] == []
    marked = {g.name for g in GUARDS if not g.file}
    assert marked - set(anchors()) == set()
    assert set(anchors()) - marked == set()
    several = {g.name for g in GUARDS if g.said}
    assert {name: places for name, places in anchors().items() if len(places) > 1 and name not in several} == {}


def test_the_tests_of_every_guard_are_there() -> None:
    missing = {}
    for guard in GUARDS:
        file, _, name = guard.tests.partition("::")
        functions = [n.name for n in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(n, FUNCTIONS)]
        if not any(word.partition("[")[0] in function for word in name.split(" or ") for function in functions):
            missing[guard.name] = guard.tests
    assert missing == {}


@pytest.mark.parametrize("guard", [g for g in GUARDS if g.said and not g.file], ids=lambda g: g.name)
def test_a_guard_of_several_lines_is_marked_in_each(guard) -> None:  # type: ignore[no-untyped-def]
    places = anchors()[guard.name]
    assert sum((ROOT / file).read_text().count(guard.said) for file in {p.file for p in places}) == len(places)


def test_what_stands_instead_of_a_guard_fits(tmp_path: Path) -> None:
    """It changes something, it parses, and it names only what there is: a rename that forgot it is found here."""
    wrong: dict[str, str] = {}
    for guard in GUARDS:
        for file, text in taken_out(guard).items():
            path = tmp_path / guard.name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if why := _fault(path, ROOT / file):
                wrong[guard.name] = why
    assert wrong == {}
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    command += ["--select", "F821,E9", "--output-format", "concise", "."]
    ruff = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ruff.returncode, ruff.stdout.strip()) == (0, "All checks passed!"), ruff.stdout + ruff.stderr


@pytest.mark.parametrize("name", ["SAVEPOINT", "fence", "three-way probe"])
def test_without_it_its_tests_fail(name: str) -> None:
    guard = next(g for g in GUARDS if g.name == name)
    assert survives(guard) == ""


def _fault(path: Path, original: Path) -> str:
    text = path.read_text()
    if path.suffix == ".py":
        try:
            dump, names = _read(text)
        except SyntaxError as error:
            return str(error)
        dump_before, names_before = _read(original.read_text())
        unknown = names - names_before - OF_LIBRARIES
        return (
            f"its file knows no {sorted(unknown)}" if unknown else "it changes nothing" if dump == dump_before else ""
        )
    if text == original.read_text():
        return "it changes nothing"
    if path.suffix == ".sql":
        try:
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.executescript(text)
        except sqlite3.Error as error:
            return str(error)
    if path.suffix == ".js":
        return subprocess.run([NODE, "--check", str(path)], capture_output=True, text=True, check=False).stderr
    return ""


@cache
def _read(text: str) -> tuple[str, frozenset[str]]:
    """The code without its comments; and what ruff does not look up: names after a dot, and of arguments."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    names = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    return ast.dump(tree), frozenset(names | {n.arg for n in nodes if isinstance(n, ast.keyword) and n.arg})
