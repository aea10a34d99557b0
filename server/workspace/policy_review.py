"""The review of a workspace's policies: everything that stops their release, as findings with file, line and column."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from contracts.errors import AilyusError
from contracts.text.source import MalformedSource, files_of, read_source
from policies.case import load_tests
from policies.policy_finding import PolicyFinding, findings_of, sorted_findings
from policies.policy_position import Position, positions_of
from policies.testing import run_tests
from server.workspace.release_checks import approval_faults
from server.workspace.widening import wider_than_live

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.workspace import Workspace

Outcome = Literal["sound", "findings", "invalid", "tests", "wider"]
FOLDER: Final = "policies/"


@dataclass(frozen=True, slots=True)
class PolicyReview:
    """What was read, what was found, and whether it may be released; `notes` are what somebody has allowed."""

    files: int
    policies: int
    tests: int
    outcome: Outcome
    findings: tuple[PolicyFinding, ...] = ()
    notes: tuple[str, ...] = ()


def review_of(workspace: "Workspace", allow_wider: bool) -> PolicyReview:
    """Load the files, look whether approvals can be given, run the tests, compare with the live release."""
    try:
        release = workspace.release()
    except AilyusError as error:
        return PolicyReview(*_read(workspace), "invalid", _placed(workspace.root, findings_of(error)))
    counts = _counts(workspace, release)
    wider = wider_than_live(workspace, release)
    hint = "take the change back, or accept it with `--allow-wider`"
    faults: tuple[tuple[Outcome, list[PolicyFinding]], ...] = (
        ("findings", _unapprovable(workspace, release)),
        # what widens is allowed first, at the check too
        ("wider", [PolicyFinding("wider", "error", w.says, hint, None, w.what) for w in wider if not allow_wider]),
        ("tests", _failed(workspace.root, release)),
    )
    # the outcome is the first: a guard that is lost fails tests too, and is the reason of that
    outcome: Outcome = next((kind for kind, found in faults if found), "sound")
    found = [one for _, some in faults for one in some]
    return PolicyReview(*counts, outcome, _placed(workspace.root, found), tuple(w.says for w in wider if allow_wider))


def faults_at(workspace: "Workspace", root: Path, release: "Release") -> tuple[PolicyFinding, ...]:
    """What stops the release of the files in this folder, whatever somebody allows: approvals, and failed tests."""
    return _placed(root, [*_unapprovable(workspace, release), *_failed(root, release)])


def unsound(root: Path, error: AilyusError) -> tuple[PolicyFinding, ...]:
    """Why the files in this folder make no release, as findings."""
    return _placed(root, findings_of(error))


def texts_of(workspace: "Workspace", findings: Iterable[PolicyFinding]) -> Mapping[str, str]:
    """The text of each file that a finding is about; one that cannot be read is left out."""
    texts = {}
    for name in {one.position.file for one in findings if one.position}:
        try:
            texts[name] = read_source(workspace.root / name)
        except MalformedSource:
            continue
    return texts


def case_position(folder: Path, file: str, name: str) -> Position:
    """Where a case stands in its file of tests: the line of its name, else the first one."""
    # the same name in two folders: the first one, as it is in the message
    path = next(iter(files_of(folder, file)), folder / file)
    lines = path.read_text().splitlines() if path.exists() else []
    wanted = re.compile(rf"^\s*(- )?\{{?\s*name:\s*[\"']?{re.escape(name)}")
    at = next((number for number, line in enumerate(lines, 1) if wanted.search(line)), 1)
    relative = path.relative_to(folder) if path.is_relative_to(folder) else Path(file)
    return Position(f"{FOLDER}{relative.as_posix()}", at, 1)


def _unapprovable(workspace: "Workspace", release: "Release") -> list[PolicyFinding]:
    positions = positions_of(release.decider.bundle.policy_texts)
    found = []
    for error in approval_faults(workspace, release):
        # the sentence begins with the guard's id
        guard = error.sentence.split("`")[1] if "`" in error.sentence else ""
        found += [
            replace(one, rule="unapprovable", position=one.position or positions.get(guard))
            for one in findings_of(error)
        ]
    return found


def _failed(root: Path, release: "Release") -> list[PolicyFinding]:
    folder = root / FOLDER
    try:
        return list(_failures(folder, release))
    except AilyusError as error:
        return [one.moved(FOLDER) for one in findings_of(error)]


def _failures(folder: Path, release: "Release") -> Iterator[PolicyFinding]:
    for file, case in load_tests(folder):
        for result in run_tests(release.decider, release.catalog.programs, [case]):
            if result.failure:
                said = f"{result.case.name}: {result.failure}"
                hint = "correct the policies or the test; `ailyus policy test` runs them all"
                yield PolicyFinding("tests_failed", "error", said, hint, case_position(folder, file, case.name))


def _placed(root: Path, findings: list[PolicyFinding]) -> tuple[PolicyFinding, ...]:
    """Every file as it is named from the workspace's folder."""
    placed = []
    for one in findings:
        file = one.position.file if one.position else ""
        is_policy = file and not (root / file).exists() and (root / FOLDER / file).exists()
        placed.append(one.moved(FOLDER) if is_policy else one)
    return tuple(sorted_findings(placed))


def _read(workspace: "Workspace") -> tuple[int, int, int]:
    """What there is where it does not load: the files alone."""
    return len(files_of(workspace.root / FOLDER, "*.cedar")), 0, 0


def _counts(workspace: "Workspace", release: "Release") -> tuple[int, int, int]:
    bundle = release.decider.bundle
    ids = {name for sliced in bundle.slices.values() for name in sliced.nodes} | bundle.releases.nodes.keys()
    try:
        tests = len(load_tests(workspace.root / FOLDER))
    except AilyusError:
        tests = 0
    return len(bundle.texts), len(ids), tests
