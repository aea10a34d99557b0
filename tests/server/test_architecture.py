"""ARCHITECTURE, CONTRIBUTING and the tests' README name only what exists: links, files, names, tests, modules, tasks.

A path in backticks starts at the root of the repository. Names in backticks directly after a file, each behind one
space, are defined in that file: by its code where it is Python, anywhere in its text where it is not.
"""

import ast
import itertools
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from receipts.action.action import State
from tests.guards import GUARDS
from tests.project import PACKAGES, PROJECT, ROOT

ARCHITECTURE = ROOT / "server" / "ARCHITECTURE.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
DOCUMENTS = [ARCHITECTURE, CONTRIBUTING, ROOT / "tests" / "README.md"]
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.-]+(/[\w.-]*)+|[\w-]+\.(py|md)")
_NAMED = re.compile(r"`([\w./-]+\.\w+)`((?: `[A-Za-z_][\w.]*`)+)")
_TEST = re.compile(r"([\w./-]+\.py)::(\w+)")
_MODULE = re.compile(r"python -m ([\w.]+)")
_TASK = re.compile(r"uv run poe ([\w-]+)")


def faults_of(document: Path, text: str) -> Iterator[str]:
    """Everything that the text of this document names and that is not there."""
    prose = _FENCE.sub("", text)
    for link in _LINK.findall(prose):
        if "://" not in link and not _leads(document, link):
            yield f"the link {link} leads nowhere"
    for span in _SPAN.findall(prose):
        if _PATH.fullmatch(span) and not (ROOT / span).exists():
            yield f"there is no {span}"
    for file, names in _NAMED.findall(re.sub(r"\s+", " ", prose)):
        for name in _SPAN.findall(names):
            if not _holds(file, name):
                yield f"{file} defines no {name}"
    for file, test in _TEST.findall(text):
        if test not in defined(file):
            yield f"{file} has no {test}"
    yield from _no_modules(text)
    for task in _TASK.findall(text):
        if task not in tasks():
            yield f"there is no task {task}"


def _no_modules(text: str) -> Iterator[str]:
    for module in _MODULE.findall(text):
        place = ROOT.joinpath(*module.split("."))
        if not place.with_suffix(".py").exists() and not (place / "__main__.py").exists():
            yield f"there is no module {module}"


def tasks() -> dict[str, list[str]]:
    """Each task of `pyproject.toml`, and its commands."""
    settings = PROJECT["tool"]["poe"]["tasks"]
    return {name: [step["cmd"] for step in task.get("sequence", [task])] for name, task in settings.items()}


def faults_of_command(command: str) -> Iterator[str]:
    """Every program, folder, file, test and module that a task's command names and that is not there."""
    program, *words = shlex.split(command)
    if not Path(sys.executable).with_name(program).exists():
        yield f"there is no program {program}"
    for word in words:
        path, _, test = word.removeprefix("--ignore=").removeprefix("--deselect=").partition("::")
        if "/" in path and not (ROOT / path).exists():
            yield f"there is no {path}"
        if test and test not in defined(path):
            yield f"{path} has no {test}"
    yield from _no_modules(command)


def _leads(document: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    path = (document.parent / place).resolve() if place else document
    if not path.is_relative_to(ROOT) or not path.exists():
        return False
    return not anchor or anchor in {_anchor(h) for h in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def _holds(file: str, name: str) -> bool:
    path = ROOT / file
    if not path.is_file():
        return False
    if path.suffix == ".py":
        return name in defined(file)
    return re.search(rf"\b{re.escape(name)}\b", path.read_text()) is not None


@cache
def defined(file: str) -> frozenset[str]:
    """The functions, classes, constants and types of a file, and the members of its classes as `Class.member`."""
    path = ROOT / file
    return frozenset(_names(ast.parse(path.read_text()).body, "")) if path.is_file() else frozenset()


def _names(body: list[ast.stmt], owner: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield owner + node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{owner}{node.name}.")
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from (owner + target.id for target in targets if isinstance(target, ast.Name))


def rows(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading of ARCHITECTURE."""
    section = ARCHITECTURE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_everything_that_is_named_exists(document: Path) -> None:
    assert list(faults_of(document, document.read_text())) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[x](nowhere.md)", "the link nowhere.md leads nowhere"),
        ("[x](../README.md#no-such-heading)", "the link ../README.md#no-such-heading leads nowhere"),
        ("[x](../../etc)", "the link ../../etc leads nowhere"),
        ("`receipts/nothing.py`", "there is no receipts/nothing.py"),
        ("`tests/nothing/`", "there is no tests/nothing/"),
        ("`pipeline.py`", "there is no pipeline.py"),
        ("`receipts/journal/journal.py` `Journal.pretend`", "receipts/journal/journal.py defines no Journal.pretend"),
        ("`receipts/journal/journal.py`\n`Journal.intend` `intend`", "receipts/journal/journal.py defines no intend"),
        ("`receipts/store/schema.sql` `no_such_table`", "receipts/store/schema.sql defines no no_such_table"),
        (
            "`tests/server/actions/test_pipeline.py::test_nothing`",
            "tests/server/actions/test_pipeline.py has no test_nothing",
        ),
        ("```sh\nuv run python -m tests.nothing\n```", "there is no module tests.nothing"),
        ("```sh\nuv run poe nothing\n```", "there is no task nothing"),
    ],
)
def test_what_does_not_exist_is_found(text: str, fault: str) -> None:
    assert list(faults_of(ARCHITECTURE, text)) == [fault]


def test_the_documents_name_enough_to_be_checked() -> None:
    text = ARCHITECTURE.read_text()
    assert len(_NAMED.findall(re.sub(r"\s+", " ", text))) >= 80
    assert len(_TEST.findall(text)) >= 20


def test_the_ten_steps_are_numbered_and_walked() -> None:
    steps = rows("The path of an action")
    assert [row[0] for row in steps] == [str(n) for n in range(1, 11)]
    walked = re.findall(r"- step (\d+): `([\w/.]+)` `([\w.]+)`", CONTRIBUTING.read_text())
    assert [n for n, _, _ in walked] == [row[0] for row in steps]
    for row, (_, file, name) in zip(steps, walked, strict=True):
        assert f"`{file}`" in row[4], row
        assert f"`{name}`" in row[4], row


def test_each_invariant_has_a_test_that_a_guard_names() -> None:
    """So that somebody has seen it fail: `uv run python -m tests.guards` takes the guard out."""
    invariants = rows("The ten invariants")
    assert [row[0] for row in invariants] == [str(n) for n in range(1, 11)]
    for row in invariants:
        named = [f"{file}::{test}" for file, test in _TEST.findall(row[3])]
        assert [t for t in named if any(t.startswith(g.tests) for g in GUARDS)], row[0]


def test_the_states_and_the_layers_are_those_of_the_code() -> None:
    text = ARCHITECTURE.read_text()
    drawn = re.search(r"stateDiagram-v2\n(.*?)```", text, re.DOTALL)
    assert drawn is not None
    assert set(re.findall(r"\b[a-z]+(?= -->)|(?<=--> )[a-z]+", drawn[1])) == set(get_args(State))
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    arrows = re.findall(r"^  (\w+)(?:\[.*?\])? --> (\w+)", text.split("flowchart LR")[1].split("```")[0], re.MULTILINE)
    assert arrows == list(pairwise(layers))


def test_the_glossary_is_in_order_and_says_one_sentence_each() -> None:
    words = rows("Glossary")
    assert [row[0] for row in words] == sorted({row[0] for row in words})
    assert len(words) >= 60
    assert [row[0] for row in words if not row[1].endswith(".") or not row[2].startswith("`")] == []


def test_every_task_names_what_exists() -> None:
    assert set(tasks()) == {"fast", "test", "soak", "lint"}
    assert [
        fault for commands in tasks().values() for command in commands for fault in faults_of_command(command)
    ] == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("no-such-program --kills 300", "there is no program no-such-program"),
        ("pytest tests/contracts tests/nothing", "there is no tests/nothing"),
        ("pytest tests --ignore=tests/nothing.py", "there is no tests/nothing.py"),
        ("pytest --deselect=tests/test_pins.py::test_nothing", "tests/test_pins.py has no test_nothing"),
        ("python -m tests.nothing --kills 300", "there is no module tests.nothing"),
    ],
)
def test_a_task_that_names_what_does_not_exist_is_found(command: str, fault: str) -> None:
    assert list(faults_of_command(command)) == [fault]


def test_the_tasks_test_and_lint_are_what_must_hold_before_a_change_lands() -> None:
    told = re.findall(r"uv run (.+?)(?: > /dev/null)?$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert [*tasks()["test"], *tasks()["lint"]] == told


def test_the_fast_tests_need_no_gateway_no_browser_and_no_database() -> None:
    """They take no shared fixture, use nothing of a world but the root of the repository, and start no command."""
    (command,) = tasks()["fast"]
    words = shlex.split(command)
    ignored = {ROOT / word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")}
    left_out = {word.partition("::")[2] for word in words if word.startswith("--deselect=")}
    files = {file for word in words if word.startswith("tests/") for file in (ROOT / word).rglob("test_*.py")} - ignored
    assert len(files) >= 25
    assert {file.name: found for file in files if (found := _shared(file, left_out))} == {}
    assert _shared(ROOT / "tests" / "policies" / "test_guards.py", set()) == {"cli"}
    assert _shared(ROOT / "tests" / "adapters" / "test_sandbox.py", set()) >= {"sandbox", "Sandbox"}


def _shared(file: Path, left_out: set[str]) -> set[str]:
    """The fixtures of `tests/conftest.py` and the parts of `tests/world.py` that a file's other tests use."""
    body = [node for node in ast.parse(file.read_text()).body if getattr(node, "name", "") not in left_out]
    nodes = [inner for node in body for inner in ast.walk(node)]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "tests.world"]
    of_a_world = {name.name for node in imports for name in node.names} - {"ROOT"}
    taken = {node.arg for node in nodes if isinstance(node, ast.arg)} & (defined("tests/conftest.py") | {"postgres"})
    return taken | {node.id for node in nodes if isinstance(node, ast.Name)} & of_a_world


def test_every_package_of_the_wheel_says_that_it_has_types() -> None:
    assert len(PACKAGES) == 5
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()] == []


def test_no_test_imports_another() -> None:
    """What two tests need stands in a module of its own, without `test_` in its name."""
    imports = re.compile(r"^ *(?:from|import) tests(?:\.\w+)*\.test_\w+", re.MULTILINE)
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert {str(file.relative_to(ROOT)): found for file in files if (found := imports.findall(file.read_text()))} == {}


def test_no_class_name_means_two_things() -> None:
    """`Plugin` and `Refused` of `adapters/plugin.py` are the names that people's adapters import."""
    places: dict[str, list[str]] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(str(file.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("package", ["contracts", "adapters", "receipts", "server"])
def test_the_floors_are_those_that_import_linter_holds(package: str) -> None:
    """Of the packages that have floors; `policies` is flat."""
    (layers,) = (c["layers"] for c in PROJECT["tool"]["importlinter"]["contracts"] if c.get("containers") == [package])
    rows = [line.split("|")[1] for line in ARCHITECTURE.read_text().splitlines() if line.startswith(f"| `{package}/")]
    floors = [row for row in rows if re.fullmatch(rf" (`{package}/[\w./]+`(, )?)+ ", row)]
    told = [{Path(path).stem for path in re.findall(rf"`{package}/([\w./]+)`", row)} for row in floors]
    here = {path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert told == [set(layer.split(" | ")) for layer in layers]
    assert here - {"__init__"} == set().union(*told)
    assert len(here - {"__init__"}) <= 17


@pytest.mark.parametrize("package", PACKAGES)
def test_the_readme_of_a_package_names_only_files_that_are_there(package: str) -> None:
    text = _FENCE.sub("", (ROOT / package / "README.md").read_text())
    named = {span for span in _SPAN.findall(text) if re.fullmatch(r"[\w/]+\.py", span)}
    assert {span for span in named if not any((ROOT / folder / span).exists() for folder in (package, ""))} == set()


def test_every_package_that_is_used_is_named_with_the_place_that_uses_it() -> None:
    modules = {
        "pyjwt": "jwt",
        "pyyaml": "yaml",
        "z3-solver": "z3",
        "python-pkcs11": "pkcs11",
        "opentelemetry-api": "opentelemetry",
    }
    modules |= {"opentelemetry-sdk": "opentelemetry.sdk"}
    modules |= {"opentelemetry-exporter-otlp-proto-http": "opentelemetry.exporter.otlp.proto.http"}
    rows = ARCHITECTURE.read_text().partition("## The packages that we use")[2].partition("\n## ")[0].splitlines()
    told: dict[str, str] = {}
    for row in rows[4:]:
        names, _, files = row.strip("| ").split(" | ") if row.startswith("| `") else ("", "", "")
        told |= dict.fromkeys(_SPAN.findall(names), files)
    extras = itertools.chain.from_iterable(PROJECT["project"]["optional-dependencies"].values())
    declared = {re.split(r"[\[>=<]", need)[0] for need in (*PROJECT["project"]["dependencies"], *extras)}
    assert set(told) == declared
    for name, files in told.items():
        module = modules.get(name, name.replace("-", "_"))
        used = re.compile(rf"^\s*(import|from) {re.escape(module)}\b|=\"{name}\"", re.MULTILINE)
        found = [file for file in _SPAN.findall(files) if used.search((ROOT / file).read_text())]
        assert found, name
