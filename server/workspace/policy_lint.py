"""The lint of a workspace's policies: doubtful policies, and files that nobody reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.text.source import MalformedSource, files_of, read_source
from policies.lint import lint, looks_like_policies
from policies.policy_finding import PolicyFinding, sorted_findings
from policies.policy_position import Position
from receipts.audit.vocabulary import agents
from server.workspace.policy_review import FOLDER
from server.workspace.stores import is_made, reading

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.workspace import Workspace

_READ: Final = (".cedar", ".yaml", ".yml", ".cedarschema")
"""The suffixes of the files in `policies/` that something reads."""


def lint_of(workspace: "Workspace", release: "Release") -> list[PolicyFinding]:
    """What is doubtful, by file and line, each file named from the workspace's folder."""
    found = [one.moved(FOLDER) for one in lint(release, _agents(workspace))]
    return sorted_findings([*found, *_unread(workspace.root)])


def _agents(workspace: "Workspace") -> list[str]:
    """The agents that the store knows; none where nothing was ever served."""
    if not workspace.settings.has_database and not workspace.store.exists():
        return []
    with reading(workspace) as read:
        return agents(read) if is_made(workspace, read) else []


def _unread(root: Path) -> Iterator[PolicyFinding]:
    """Files of policies that no command reads: a wall in one of them is believed in all the same."""
    for path in files_of(root / FOLDER, "*"):
        if path.is_file() and path.suffix not in _READ and _has_policies(path):
            yield _finding(root, path, "rename it so that its name ends in `.cedar`, or move it elsewhere")
    # beside the folder too, such as in `policies.d/`
    for folder in sorted(root.glob("polic*")):
        if folder.is_dir() and folder != root / FOLDER.rstrip("/"):
            for path in files_of(folder, "*.cedar"):
                yield _finding(root, path, f"move it to `{FOLDER}`, or take it away")


def _has_policies(path: Path) -> bool:
    try:
        return looks_like_policies(read_source(path))
    except MalformedSource:
        return False


def _finding(root: Path, path: Path, hint: str) -> PolicyFinding:
    place = Position(path.relative_to(root).as_posix(), 1, 1)
    return PolicyFinding("unread", "warning", "no policies are read from it", hint, place)
