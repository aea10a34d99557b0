"""The command `ailyus policy suggest`: what receipts say could be tightened, as a candidate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from server.cli.answer import Answer
from server.cli.output import table
from server.cli.progress import working
from server.cli.receipt_list import SinceOption, since_ms
from server.cli.workspace_option import WorkspaceOption, open_workspace


@dataclass(frozen=True, slots=True)
class PolicySuggestion:
    """One suggestion: of an unused grant, a role that nobody holds (`unheld`) or a range.

    `kept_out`: why it is not in the candidate; empty where it is. `tests` are the cases that were only about the grant.
    """

    kind: str
    policy: str
    file: str
    line: int
    column: int
    says: str
    kept_out: str
    tests: list[str]


@dataclass(frozen=True, slots=True)
class AlwaysApproved:
    """An action that people approved each time that they were asked."""

    action: str
    approvals: int


@dataclass(frozen=True, slots=True)
class SuggestedCandidate:
    """What could be tightened; `candidate` is the folder that was written, None where nothing could."""

    decisions: int
    candidate: str | None
    suggestions: list[PolicySuggestion]
    always_given: list[AlwaysApproved]


def suggest_policies(
    output: Annotated[Path, typer.Option("--output", "-o", help="The candidate's new folder.")] = Path("suggested"),
    since: SinceOption = "2160h",
    workspace: WorkspaceOption = ".",
) -> Answer[SuggestedCandidate]:
    """Say what receipts show to be wider than needed, and write it tightened: its tests pass, no decision is another.

    Grants that nobody used, roles that nobody holds, limits that were never near. Nothing live changes.
    """
    from server.workspace.policy_suggestion import suggest

    space = open_workspace(workspace)
    with working("looking at decisions") as step:
        found = suggest(space, since_ms(since), output, step)
    rows = [
        PolicySuggestion(
            one.suggestion.kind,
            one.suggestion.policy,
            f"policies/{one.suggestion.position.file}",
            one.suggestion.position.line,
            one.suggestion.position.column,
            one.suggestion.says,
            one.kept_out,
            list(one.tests),
        )
        for one in found.tried
    ]
    given = [AlwaysApproved(action, count) for action, count in sorted(found.always_given.items())]
    is_written = any(not one.kept_out for one in rows)
    document = SuggestedCandidate(found.decisions, str(output) if is_written else None, rows, given)
    return Answer(document, _lines(document), _says(document))


def _lines(document: SuggestedCandidate) -> list[str]:
    rows = [
        {
            "policy": one.policy,
            "where": f"{one.file}:{one.line}:{one.column}",
            "why": one.says,
            "in the candidate": one.kept_out or (f"yes, without {len(one.tests)} tests" if one.tests else "yes"),
        }
        for one in document.suggestions
    ]
    told = [
        f"people approved `{one.action}` each time, {one.approvals} times: a limit in the policy could ask less often"
        for one in document.always_given
    ]
    return [*(table(rows, rows[0]) if rows else ()), *told]


def _says(document: SuggestedCandidate) -> list[str]:
    looked = f"{document.decisions} decisions were looked at"
    if document.candidate is None:
        return [f"{looked}: nothing is suggested"]
    look = f"`ailyus policy diff --candidate {document.candidate}`"
    return [f"{looked}; wrote the candidate `{document.candidate}`: look at it with {look}"]
