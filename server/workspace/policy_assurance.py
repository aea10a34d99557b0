"""What speaks for a candidate's policies beside its tests passing: conditions they saw, mistakes they notice, proofs.

`examine` runs in a process of its own, since it computes for as long as it is given.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from policies.case import Case, load_tests
from policies.coverage import coverage_of
from policies.mutation import MutantNames, mutants_of
from policies.mutation_score import MutationScore, MutationTrial
from policies.release import Release
from server.workspace.policy_proof import claims_of, require_solver
from server.workspace.release_files import written_files
from server.workspace.release_package import ReleasePackage
from server.workspace.workspace import Workspace

MAX_LINES: Final = 50
"""Conditions and mistakes that are named; `ailyus policy test --mutation` names all."""
_BATCH: Final = 8


@dataclass(frozen=True, slots=True)
class PolicyAssurance:
    """Lines for people, and numbers. `untried`: mistakes without time for them. `unproven`: why no proof is there."""

    conditions: int
    half_seen: int
    unseen: tuple[str, ...]
    noticed: int
    mistakes: int
    untried: int
    survivors: tuple[str, ...]
    verdicts: tuple[str, ...]
    unproven: str = ""


def examine(root: Path, package: bytes, seconds: float) -> PolicyAssurance:
    """The assurance of a package as JSON, for a workspace: so many seconds for mistakes, as many for proofs.

    Raises `AilyusError`.
    """
    space, made = Workspace.open(root), ReleasePackage.model_validate_json(package)
    release = made.built(space)
    with written_files(made.files) as folder:
        cases = [case for _, case in load_tests(folder / "policies")]
        verdicts, unproven = _verdicts(space, release, folder, seconds)
    seen = coverage_of(release.decider, release.catalog.programs, cases)
    unseen = [f"{one.position} {one.says}" for one in seen if not one.is_whole]
    score = _score(release, cases, seconds)
    survivors = [f"{one.position} `{one.policy}`: {one.says}" for one in score.survivors]
    return PolicyAssurance(
        len(seen),
        len(unseen),
        tuple(unseen[:MAX_LINES]),
        score.noticed,
        score.tried + score.untried,
        score.untried,
        tuple(survivors[:MAX_LINES]),
        verdicts,
        unproven,
    )


def _score(release: Release, cases: Sequence[Case], seconds: float) -> MutationScore:
    until, bundle, score = time.monotonic() + seconds, release.decider.bundle, MutationScore()
    mutants = list(mutants_of(bundle.policy_texts, MutantNames.of(bundle.roles, bundle.environments)))
    trial = MutationTrial(release.decider, release.catalog.programs, cases)
    for at in range(0, len(mutants), _BATCH):
        if time.monotonic() > until:
            break
        score.add(trial.of(mutants[at : at + _BATCH]))
    score.untried = len(mutants) - score.tried - score.refused
    return score


def _verdicts(space: Workspace, release: Release, folder: Path, seconds: float) -> tuple[tuple[str, ...], str]:
    try:
        require_solver()
    except AilyusError as error:
        return (), f"{error.sentence}: {error.hint}"
    found = claims_of(space, release, folder, int(seconds * 1000))
    return tuple(line for one in found for line in one.says(3)), ""
