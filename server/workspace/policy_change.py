"""The change that a candidate is: what differs in its files, and which outcomes differ, against what is live."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.errors import AilyusError
from policies.outcome import Difference, OutcomeChange
from policies.outcome_diff import outcome_changes
from policies.policy_finding import Level, PolicyFinding
from policies.policy_position import Position, positions_of
from policies.release_diff import ReleaseChange, release_changes
from server.workspace.candidate_folder import candidate_folder
from server.workspace.policy_review import FOLDER
from server.workspace.release_archive import live_release
from server.workspace.release_comparison import content_of
from server.workspace.release_package import candidate_of
from server.workspace.release_statement import release_evidence

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.workspace import Workspace

_GRANTS: Final = ("person", "setting")
"""What can let more through and is no outcome of a role: who holds the role, and a freeze that ends."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two releases that are compared: its name for people, the release, and its files."""

    name: str
    release: "Release"
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What differs between two releases: part by part, and outcome by outcome."""

    before: Side
    after: Side
    parts: tuple[ReleaseChange, ...]
    outcomes: Difference

    def wider(self, allowed: Collection[str]) -> list[str]:
        """What lets more through and is not allowed, in sentences; it is allowed by its action or all policies."""
        found = [one.says for one in self.outcomes.changes if one.widens and not _is_allowed(one, allowed)]
        # who gets a role is no outcome of any role, and lets more through all the same
        grants = [p for p in self.parts if p.noun in _GRANTS and p.widens == "yes" and p.name not in allowed]
        return [*found, *(one.says for one in grants)]

    def findings(self, allowed: Collection[str]) -> list[PolicyFinding]:
        """Each change as a finding at the policy that differs: an error if it is wider than allowed, else a note."""
        positions = positions_of(self.after.release.decider.bundle.policy_texts)
        return [*(_finding(one, positions, allowed) for one in self.outcomes.changes), *self._grants(allowed)]

    def _grants(self, allowed: Collection[str]) -> Iterator[PolicyFinding]:
        for part in self.parts:
            if part.noun in _GRANTS and part.widens == "yes":
                is_allowed = part.name in allowed
                yield PolicyFinding("wider", "note" if is_allowed else "error", part.says, "", None, part.name)


def change_of(
    workspace: "Workspace",
    candidate: str | None,
    against: str | None,
    step: Callable[[int, int], None] | None = None,
) -> PolicyChange:
    """Compare a candidate (a folder, a commit, else the files) with the live release or another one.

    Raises `AilyusError`: `not_found` where nothing was ever released and no other one is named.
    """
    with sides_of(workspace, candidate, against) as (before, after):
        evidence = [content_of(release_evidence(side.release, side.files, None)) for side in (before, after)]
        parts = release_changes(*evidence)
        return PolicyChange(before, after, parts, outcome_changes(before.release, after.release, step))


@contextmanager
def sides_of(workspace: "Workspace", candidate: str | None, against: str | None) -> Iterator[tuple[Side, Side]]:
    """The release before and the candidate, each of a folder, a commit, the files or what is live."""
    with _side(workspace, candidate) as after, _former(workspace, against) as before:
        yield before, after


@contextmanager
def _side(workspace: "Workspace", named: str | None) -> Iterator[Side]:
    if named is None:
        release, package = candidate_of(workspace)
        yield Side("the files", release, package.files)
        return
    with candidate_folder(workspace.root, named) as folder:
        release, package = candidate_of(workspace, folder)
        yield Side(named, release, package.files)


@contextmanager
def _former(workspace: "Workspace", against: str | None) -> Iterator[Side]:
    if against is not None:
        with _side(workspace, against) as side:
            yield side
        return
    last = live_release(workspace)
    if last is None:
        hint = "name what to compare with: `--against FOLDER` or `--against COMMIT`"
        raise AilyusError("not_found", "nothing is released yet", hint=hint)
    # what it decides under this version and with the connections that it had
    yield Side(f"release {last.record.digest[:12]}", last.rebuilt(workspace), last.sources)


def _is_allowed(change: OutcomeChange, allowed: Collection[str]) -> bool:
    return change.action in allowed or (bool(change.policies) and set(change.policies) <= set(allowed))


def _finding(change: OutcomeChange, positions: Mapping[str, Position], allowed: Collection[str]) -> PolicyFinding:
    rule = "wider" if change.widens else "narrower"
    level: Level = "error" if change.widens and not _is_allowed(change, allowed) else "note"
    # a policy that is gone has no line any more
    place = next((positions[name] for name in change.policies if name in positions), None)
    hint = f"by {', '.join(change.policies)}" if change.policies else f"`{change.action}` has moved among the policies"
    return PolicyFinding(rule, level, change.says, hint, place, change.action).moved(FOLDER)
