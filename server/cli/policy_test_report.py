"""What `ailyus policy test` tells: which cases fail, what no case is about, and which mistakes nobody notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.cli.answer import Answer
from server.cli.exit_code import DONE, FAILED

if TYPE_CHECKING:
    from policies.case import Case
    from policies.coverage import ConditionCoverage
    from policies.testing import Result
    from server.workspace.policy_set import PolicySet


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


def report_of(
    policies: "PolicySet",
    cases: "Sequence[tuple[str, Case]]",
    found: "Sequence[tuple[str, Result]]",
    *,
    is_bundled: bool,
) -> Answer[TestedPolicies]:
    """What came of the cases, each with its file's name; without mistakes. Exit 4 where one fails."""
    from policies.coverage import coverage_of
    from policies.testing import uncovered

    results = [one for _, one in found]
    failed = [one for one in results if one.failure]
    bare = uncovered(policies.decider, results)
    # what a failing case has seen is nothing that anybody expects
    whole = coverage_of(policies.decider, policies.programs, [case for _, case in cases]) if not failed else []
    unseen = [one for one in whole if not one.is_whole]
    document = TestedPolicies(
        len(results) - len(failed),
        [one.case.name for one in failed],
        list(bare),
        [_condition(one, policies) for one in unseen],
        None,
    )
    lines = [f"FAILED {one.case.name}: {one.failure}" for one in failed]
    says = [*_counts(results, failed, bare), *_unseen(whole, unseen, is_bundled)]
    return Answer(document, lines, says, FAILED if failed else DONE)


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


def _condition(one: "ConditionCoverage", policies: "PolicySet") -> UnseenCondition:
    at = one.position
    file = file_of(at.file, policies)
    return UnseenCondition(one.policy, file, at.line, at.column, one.text, not one.seen_true, not one.seen_false)


def file_of(name: str, policies: "PolicySet") -> str:
    """As it is named from the workspace's folder; a bundled one has no workspace."""
    return f"policies/{name}" if policies.folder.name == "policies" else name
