"""`policy suggest`: what receipts say could be tightened, as a candidate whose tests pass and which changes nothing.

Each suggestion is tried by the workspace's own tests and by all recorded decisions. What a test speaks for stays,
unless the test says no more than that the grant is there: then it goes with the grant, and is named.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from yaml import safe_dump

from contracts.errors import AilyusError
from policies.bundle import load_bundle
from policies.case import Case, load_tests
from policies.decider import Decider
from policies.policy_position import policy_texts
from policies.recorded_request import RecordedRequest
from policies.simulation import Simulation, SimulationTally
from policies.suggestion import PolicyUsage, Suggestion, suggestions_of
from policies.testing import run_tests
from policies.vacuous_case import PROVES_NOTHING
from receipts.statement.recorded_decisions import count_of_decisions, deciding_policies, decision_pages, verdicts
from receipts.tables import agents
from server.workspace.schemas import write_file
from server.workspace.stores import reading

if TYPE_CHECKING:
    from policies.release import Release
    from receipts.store.row import Read
    from server.workspace.workspace import Workspace

OFTEN: Final = 20
"""Approvals of one action that say something about it."""
_GRANTED: Final = ("permitted", "approval_required", "may_approve")
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class TriedSuggestion:
    """One suggestion, and why it is not in the candidate ('' where it is); `tests` are the cases that go with it."""

    suggestion: Suggestion
    kept_out: str = ""
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SuggestedPolicies:
    """What could be tightened. `decisions` were looked at; `always_given`: actions that people approved each time."""

    decisions: int
    tried: tuple[TriedSuggestion, ...]
    always_given: Mapping[str, int]


@dataclass(slots=True)
class _Draft:
    """The texts and the cases of a candidate, as far as it has come."""

    texts: dict[str, str]
    cases: list[tuple[str, Case]]
    applied: list[TriedSuggestion] = field(default_factory=list)


def suggest(
    workspace: "Workspace",
    since_ms: int,
    folder: Path,
    step: Callable[[int, int], None] | None = None,
) -> SuggestedPolicies:
    """Write a candidate into a new folder, if anything can be tightened. Raises `AilyusError`."""
    if folder.exists():
        raise AilyusError("bad_settings", f"`{folder}` exists already", hint="name a new folder with `-o`")
    release = workspace.release()
    bundle = release.decider.bundle
    held = {role for person in release.people.by_name.values() for role in person.roles}
    with reading(workspace) as read:
        held |= agents.roles_held(read)
        total = count_of_decisions(read, since_ms)
        usage = _usage(read, since_ms, bundle.roles, lambda n: step(n, total * 2) if step is not None else None)
        given = {name: yes for name, (yes, no) in verdicts(read, since_ms).items() if yes >= OFTEN and not no}
        found = list(suggestions_of(bundle, usage, held))
        tried = _tried(release, workspace.root / "policies", found)
        tried = _unchanging(release, read, since_ms, tried, workspace.root / "policies")
    if any(not one.kept_out for one in tried):
        _write(workspace, folder, _draft(release, workspace.root / "policies", tried))
    return SuggestedPolicies(total, tuple(tried), given)


def _usage(read: "Read", since_ms: int, roles: frozenset[str], seen: Callable[[int], None]) -> PolicyUsage:
    usage, count = PolicyUsage(), 0
    usage.policies = deciding_policies(read, since_ms)
    for page in decision_pages(read, since_ms):
        for one in page:
            try:
                usage.see(RecordedRequest.of(one.requests, one.entities, roles, None))
            except (KeyError, TypeError, ValueError):
                continue  # of another version; the simulation tells how many
        count += len(page)
        seen(count)
    return usage


def _tried(release: "Release", folder: Path, found: Sequence[Suggestion]) -> list[TriedSuggestion]:
    """Each suggestion beside those before it, by the tests of the workspace."""
    draft = _Draft(dict(release.decider.bundle.texts), load_tests(folder))
    tried = []
    for one in found:
        result = _by_tests(release, draft, one)
        tried.append(result)
        if not result.kept_out:
            _apply(draft, result)
    return tried


def _by_tests(release: "Release", draft: _Draft, one: Suggestion) -> TriedSuggestion:
    if any(done.suggestion.policy == one.policy for done in draft.applied):
        return TriedSuggestion(one, "another suggestion is about the same policy: run it again afterwards")
    try:
        decider = _decider(release, _with(draft.texts, one))
    except AilyusError as error:
        return TriedSuggestion(one, error.sentence)
    lost = []
    for _, case in draft.cases:
        failed = [r.failure for r in run_tests(decider, release.catalog.programs, [case]) if r.failure]
        if not failed:
            continue
        # a test that only says that the grant is there, or whom it leaves out, goes with it; any other speaks for it
        is_about_grant = case.expect in _GRANTED or all(text.startswith(PROVES_NOTHING) for text in failed)
        if one.source or not is_about_grant:
            return TriedSuggestion(one, f"a test speaks for it: `{case.name}`")
        lost.append(case.name)
    return TriedSuggestion(one, tests=tuple(lost))


def _unchanging(
    release: "Release", read: "Read", since_ms: int, tried: Sequence[TriedSuggestion], folder: Path
) -> list[TriedSuggestion]:
    """Without those that would have decided anything otherwise."""
    found = list(tried)
    for _ in range(_TRIES):
        draft = _draft(release, folder, found)
        if not draft.applied:
            return found
        after = replace(release, decider=_decider(release, draft.texts).among(release.people))
        simulation, tally = Simulation(release, after), SimulationTally()
        for page in decision_pages(read, since_ms):
            tally.add(simulation.of(page))
        counts = {name: flips.count for kind, flips in tally.flips.items() for name in kind.policies}
        if not tally.flips:
            return found
        names = {name for kind in tally.flips for name in kind.policies}
        found = [
            replace(one, kept_out=f"{counts[one.suggestion.policy]} decisions would have been others")
            if not one.kept_out and one.suggestion.policy in names
            else one
            for one in found
        ]
    # what still changes something cannot be told apart: nothing is suggested rather than too much
    return [replace(one, kept_out=one.kept_out or "decisions would have been others") for one in found]


def _draft(release: "Release", folder: Path, tried: Sequence[TriedSuggestion]) -> _Draft:
    draft = _Draft(dict(release.decider.bundle.texts), load_tests(folder))
    for one in tried:
        if not one.kept_out:
            _apply(draft, one)
    return draft


def _apply(draft: _Draft, one: TriedSuggestion) -> None:
    draft.texts = _with(draft.texts, one.suggestion)
    draft.cases = [(file, case) for file, case in draft.cases if case.name not in one.tests]
    draft.applied.append(one)


def _with(texts: Mapping[str, str], one: Suggestion) -> dict[str, str]:
    """The texts with one edit; what is around the policy stays, comments too."""
    file = one.position.file
    found = next(part for part in policy_texts(file, texts[file]) if part.id == one.policy)
    before, after = texts[file][: found.start], texts[file][found.start + len(found.source) :]
    return {**texts, file: before + one.source + (after if one.source else after.lstrip("\n"))}


def _decider(release: "Release", texts: Mapping[str, str]) -> Decider:
    bundle, programs = release.decider.bundle, release.catalog.programs
    return Decider(load_bundle(texts, programs, bundle.roles, bundle.environments), programs)


def _write(workspace: "Workspace", folder: Path, draft: _Draft) -> None:
    for name in ("contracts", "policies"):
        shutil.copytree(workspace.root / name, folder / name)
    policies = folder / "policies"
    for file, text in draft.texts.items():
        (policies / file).write_text(text, encoding="utf-8")
    before = load_tests(workspace.root / "policies")
    for file in _changed(before, draft.cases):
        path = next(policies.rglob(file))
        left = [case.model_dump(mode="json", exclude_defaults=True) for name, case in draft.cases if name == file]
        if left:
            write_file(workspace.root, path, safe_dump({"tests": left}, sort_keys=False, width=110))
        else:
            path.unlink()


def _changed(before: Sequence[tuple[str, Case]], after: Sequence[tuple[str, Case]]) -> Iterator[str]:
    for file in sorted({name for name, _ in before}):
        if [case for name, case in before if name == file] != [case for name, case in after if name == file]:
            yield file
