"""The command `ailyus policy test`: cases, what they cover, and which mistakes they notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer
from server.cli.exit_code import DONE, FAILED
from server.cli.output import table
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption

if TYPE_CHECKING:
    from policies.coverage import ConditionCoverage
    from policies.mutation import Mutant
    from policies.mutation_score import MutationScore
    from policies.testing import Result
    from server.workspace.policy_set import PolicySet

BundledOption = Annotated[bool, typer.Option("--bundled", help="The policies and contracts that come with Ailyus.")]


@dataclass(frozen=True, slots=True)
class UnseenCondition:
    """A condition that no case has seen true (`never_true`) or false, with its place."""

    policy: str
    file: str
    line: int
    column: int
    text: str
    never_true: bool
    never_false: bool


@dataclass(frozen=True, slots=True)
class SurvivingMistake:
    """A mistake that no case notices: its kind, what is other, and where."""

    policy: str
    kind: str
    says: str
    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class MutationReport:
    """How many mistakes the cases notice, in percent. `refused` do not load; of `untried` nobody knows."""

    percent: int
    noticed: int
    refused: int
    untried: int
    survivors: list[SurvivingMistake]


@dataclass(frozen=True, slots=True)
class TestedPolicies:
    """How many cases passed, the names of those that failed, and the policies that no test is about.

    `conditions` are the parts of policies that were never true or never false; `mutation` where it was asked for.
    """

    passed: int
    failed: list[str]
    uncovered: list[str]
    conditions: list[UnseenCondition]
    mutation: MutationReport | None


def test_policies(
    workspace: WorkspaceOption = ".",
    bundled: BundledOption = False,
    mutation: Annotated[
        bool, typer.Option("--mutation", help="Make one mistake after the other, and name those that no test notices.")
    ] = False,
    min_score: Annotated[
        int, typer.Option("--min", min=0, max=100, help="Percent of the mistakes that tests must notice.")
    ] = 0,
    timeout: Annotated[int, typer.Option(min=1, max=86_400, help="Seconds for all mistakes together.")] = 600,
    processes: Annotated[int, typer.Option(min=0, help="How many; 0: one for each core where it is worth it.")] = 0,
    junit: Annotated[Path | None, typer.Option(help="Write the cases to this file in JUnit's XML, too.")] = None,
) -> Answer[TestedPolicies]:
    """Run every `*.test.yaml`. One that names what does not exist, or proves nothing, fails; having none is an error.

    Exit 4: a test fails, or they notice fewer mistakes than `--min`.
    """
    from policies.case import load_tests
    from policies.coverage import coverage_of
    from policies.testing import run_tests, uncovered
    from server.cli.junit import JunitCase, write_junit
    from server.workspace.policy_set import policy_set_of

    if min_score and not mutation:
        raise AilyusError("bad_settings", "`--min` is about mistakes", hint="add `--mutation`")
    root = None if bundled else Path(workspace).resolve()
    policies = policy_set_of(root)
    cases = load_tests(policies.folder)
    found = [(file, one) for file, case in cases for one in run_tests(policies.decider, policies.programs, [case])]
    results = [one for _, one in found]
    if not results and policies.programs:
        raise AilyusError("bad_policy", "no policy test is about any contract", hint="`ailyus policy new` writes one")
    if junit is not None:
        write_junit(junit, "ailyus policy test", [JunitCase(file, r.case.name, r.failure) for file, r in found])
    failed = [one for one in results if one.failure]
    bare = uncovered(policies.decider, results)
    # what a failing case has seen is nothing that anybody expects
    whole = coverage_of(policies.decider, policies.programs, [case for _, case in cases]) if not failed else []
    unseen = [one for one in whole if not one.is_whole]
    lines = [f"FAILED {one.case.name}: {one.failure}" for one in failed]
    says = [*_counts(results, failed, bare), *_unseen(whole, unseen, root is None)]
    report, code = None, FAILED if failed else DONE
    if mutation and not failed:
        score = _score(root, timeout, processes)
        report = _report(score, policies)
        lines += _survivors(report)
        says.append(_scored(score))
        code = FAILED if score.percent < min_score else DONE
    document = TestedPolicies(
        len(results) - len(failed),
        [one.case.name for one in failed],
        list(bare),
        [_condition(one, policies) for one in unseen],
        report,
    )
    return Answer(document, lines, says, code)


def _counts(results: "list[Result]", failed: "list[Result]", bare: list[str]) -> list[str]:
    says = [f"{len(results) - len(failed)} passed, {len(failed)} failed"]
    if not results:
        says.append("there is no contract yet that a test could be about")
    if bare:
        verb = "policy is" if len(bare) == 1 else "policies are"
        says.append(f"{len(bare)} {verb} covered by no test: {', '.join(bare)}")
    return says


def _unseen(whole: "list[ConditionCoverage]", unseen: "list[ConditionCoverage]", bundled: bool) -> list[str]:
    if not whole:
        return []
    folder = "" if bundled else "policies/"
    seen = f"{len(whole) - len(unseen)} of {len(whole)} conditions were both true and false in some case"
    return [seen, *(f"{folder}{one.position}: {one.says}" for one in unseen)]


def _score(root: Path | None, timeout: int, processes: int) -> "MutationScore":
    from server.workspace.policy_mutation import mutation_score

    with working("making mistakes") as step:
        return mutation_score(root, timeout, processes, step)


def _scored(score: "MutationScore") -> str:
    text = f"{score.noticed} of {score.tried + score.untried} mistakes are noticed: {score.percent:.1f} %"
    text += f" ({score.refused} more do not load)" if score.refused else ""
    return text + (f"; there was no time for {score.untried} of them: `--timeout`" if score.untried else "")


def _report(score: "MutationScore", policies: "PolicySet") -> MutationReport:
    survivors = [_survivor(one, policies) for one in sorted(score.survivors, key=_place)]
    return MutationReport(int(score.percent), score.noticed, score.refused, score.untried, survivors)


def _place(mutant: "Mutant") -> tuple[str, int, int]:
    return mutant.position.file, mutant.position.line, mutant.position.column


def _survivor(one: "Mutant", policies: "PolicySet") -> SurvivingMistake:
    at = one.position
    return SurvivingMistake(one.policy, one.kind, one.says, _file(at.file, policies), at.line, at.column)


def _condition(one: "ConditionCoverage", policies: "PolicySet") -> UnseenCondition:
    at = one.position
    file = _file(at.file, policies)
    return UnseenCondition(one.policy, file, at.line, at.column, one.text, not one.seen_true, not one.seen_false)


def _file(name: str, policies: "PolicySet") -> str:
    """As it is named from the workspace's folder; a bundled one has no workspace."""
    return f"policies/{name}" if policies.folder.name == "policies" else name


def _survivors(report: MutationReport) -> list[str]:
    rows = [
        {
            "survives": one.policy,
            "where": f"{one.file}:{one.line}:{one.column}",
            "kind": one.kind,
            "mistake": one.says,
        }
        for one in report.survivors
    ]
    return table(rows, rows[0]) if rows else []
