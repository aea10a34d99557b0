"""The command `ailyus policy test`: cases, what they cover, and which mistakes they notice."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, FormatOption
from server.cli.exit_code import DONE, FAILED
from server.cli.output import Format, table
from server.cli.policy_test_report import MutationReport, SurvivingMistake, TestedPolicies, file_of, report_of
from server.cli.policy_test_watch import watch_tests
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption

if TYPE_CHECKING:
    from policies.mutation import Mutant
    from policies.mutation_score import MutationScore
    from server.workspace.policy_set import PolicySet

BundledOption = Annotated[bool, typer.Option("--bundled", help="The policies and contracts that come with Ailyus.")]


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
    watch: Annotated[
        bool, typer.Option("--watch", help="Run what a saved file is about again, until Ctrl-C; tell what changed.")
    ] = False,
    format: FormatOption = Format.table,
) -> Answer[TestedPolicies] | None:
    """Run every `*.test.yaml`. One that names what does not exist, or proves nothing, fails; having none is an error.

    Exit 4: a test fails, or they notice fewer mistakes than `--min`.
    """
    from policies.case import load_tests
    from policies.testing import run_tests
    from server.cli.junit import JunitCase, write_junit
    from server.workspace.policy_set import policy_set_of

    if min_score and not mutation:
        raise AilyusError("bad_settings", "`--min` is about mistakes", hint="add `--mutation`")
    root = None if bundled else Path(workspace).resolve()
    if watch:
        if root is None or mutation or junit is not None:
            hint = "leave out `--bundled`, `--mutation` and `--junit`"
            raise AilyusError("bad_settings", "`--watch` runs the cases of a workspace, and nothing else", hint=hint)
        watch_tests(root, format)
        return None
    policies = policy_set_of(root)
    cases = load_tests(policies.folder)
    found = [(file, one) for file, case in cases for one in run_tests(policies.decider, policies.programs, [case])]
    if not found and policies.programs:
        raise AilyusError("bad_policy", "no policy test is about any contract", hint="`ailyus policy new` writes one")
    if junit is not None:
        write_junit(junit, "ailyus policy test", [JunitCase(file, r.case.name, r.failure) for file, r in found])
    answer = report_of(policies, cases, found, is_bundled=root is None)
    if not mutation or answer.code != DONE:
        return answer
    score = _score(root, timeout, processes)
    report = _report(score, policies)
    return Answer(
        replace(answer.document, mutation=report),
        [*answer.lines, *_survivors(report)],
        [*answer.says, _scored(score)],
        FAILED if score.percent < min_score else DONE,
    )


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
    return SurvivingMistake(one.policy, one.kind, one.says, file_of(at.file, policies), at.line, at.column)


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
