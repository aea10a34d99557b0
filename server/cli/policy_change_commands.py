"""Commands about a change of policies: what it means, and what it would have decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer
from server.cli.exit_code import DONE, INVALID, REFUSED, WIDER
from server.cli.finding_report import ReportFormat, report_lines
from server.cli.output import fail, table
from server.cli.progress import working
from server.cli.receipt_list import SinceOption, since_ms
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from policies.outcome import OutcomeChange
    from policies.simulation import FlipKind
    from server.workspace.policy_change import PolicyChange

CandidateOption = Annotated[
    str | None,
    typer.Option("--candidate", help="A folder with `contracts` and `policies`, or a git commit; else the files."),
]
AgainstOption = Annotated[
    str | None, typer.Option("--against", help="What to compare with: a folder or a git commit; else what is live.")
]
AllowOption = Annotated[
    list[str] | None, typer.Option("--allow-wider", help="A policy, an action or a person that may let more through.")
]


class ChangeFormat(StrEnum):
    """How to print a change: text, JSON, SARIF, annotations of a GitHub workflow, or a comment in Markdown."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    sarif = "sarif"
    github = "github"
    markdown = "markdown"


ChangeOption = Annotated[
    ChangeFormat,
    typer.Option("--format", help="Text, JSON, SARIF, annotations of a GitHub workflow, or a comment in Markdown."),
]


@dataclass(frozen=True, slots=True)
class ChangedOutcome:
    """One outcome that differs: who may do what where, before and after.

    `example` says what is special about a situation that shows it; `case` is that situation as YAML, for a test.
    """

    widens: bool
    who: str
    action: str
    risk: str
    resource: str
    connection: str
    environment: str
    before: str
    after: str
    policies: list[str]
    situations: int
    example: str
    case: str


@dataclass(frozen=True, slots=True)
class DiffedPolicies:
    """What a candidate changes: `parts` in sentences (as `release diff` has them), `outcomes`, the riskiest first.

    `situations` were looked at; `whole`: they are all combinations of the boundary values. `wider` is not allowed.
    """

    before: str
    after: str
    parts: list[str]
    outcomes: list[ChangedOutcome]
    situations: int
    whole: bool
    wider: list[str]


def diff_policies(
    candidate: CandidateOption = None,
    against: AgainstOption = None,
    allow_wider: AllowOption = None,
    workspace: WorkspaceOption = ".",
    format: ChangeOption = ChangeFormat.table,
) -> Answer[DiffedPolicies]:
    """Show which outcomes a change lets differ: for whom, at which action, where; the riskiest first.

    Exit 3: files do not load; 5: more is let through than allowed, else 0, whatever differs.
    """
    from server.workspace.policy_change import change_of
    from server.workspace.policy_review import texts_of

    space, allowed = open_workspace(workspace), frozenset(allow_wider or ())
    try:
        with working("deciding") as step:
            found = change_of(space, candidate, against, step)
    except AilyusError as error:
        fail(error, INVALID if error.code not in ("not_found", "no_workspace") else REFUSED)
    wider = found.wider(allowed)
    # a change that narrows or is allowed is no fault: `policy diff && …` goes on
    code = WIDER if wider else DONE
    document = DiffedPolicies(
        found.before.name,
        found.after.name,
        [part.says for part in found.parts],
        [_outcome(one) for one in found.outcomes.changes],
        found.outcomes.situations,
        found.outcomes.is_whole,
        wider,
    )
    # code scanning wants each change at its policy; people want a table
    match format:
        case ChangeFormat.sarif | ChangeFormat.github:
            findings = found.findings(allowed)
            lines = report_lines(findings, texts_of(space, findings), ReportFormat(format), code)
        case ChangeFormat.markdown:
            lines = _markdown(found, document)
        case _:
            lines = _text(found, document)
    return Answer(document, lines, code=code)


class FailOn(StrEnum):
    """What makes a simulation fail."""

    widened = "widened"
    changed = "changed"


@dataclass(frozen=True, slots=True)
class FlippedDecisions:
    """Recorded decisions of one kind that would be other ones; `receipts` are the first of them."""

    kind: str
    action: str
    agent: str
    person: str
    before: str
    after: str
    policies: list[str]
    count: int
    receipts: list[str]


@dataclass(frozen=True, slots=True)
class SimulatedPolicies:
    """What a candidate would have decided.

    Of all `decisions`, `unfit` do not fit a changed contract, and of `unplaced` nobody knows the connection: they were
    not decided again. `without_evidence` are further denials, of which the log keeps nothing to decide again.
    """

    before: str
    after: str
    decisions: int
    same: int
    wider: int
    narrower: int
    unfit: int
    unplaced: int
    without_evidence: int
    flips: list[FlippedDecisions]


def simulate_policies(
    candidate: CandidateOption = None,
    against: AgainstOption = None,
    since: SinceOption = "720h",
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit 5 if any decision is so.")] = None,
    processes: Annotated[int, typer.Option(min=0, help="How many; 0: one for each core where it is worth it.")] = 0,
    workspace: WorkspaceOption = ".",
) -> Answer[SimulatedPolicies]:
    """Decide the recorded decisions again: which would be other ones, by action, agent and policy, with receipts.

    Exit 3: files do not load; 5: what `--fail-on` names.
    """
    from server.workspace.policy_simulation import simulate

    space = open_workspace(workspace)
    try:
        with working("deciding again") as step:
            found = simulate(space, candidate, against, since_ms(since), step, processes)
    except AilyusError as error:
        fail(error, INVALID if error.code not in ("not_found", "no_workspace", "bad_settings") else REFUSED)
    tally = found.tally
    # what lets more through first, and of that what happened most often
    flips = [
        FlippedDecisions(*_words(kind), policies=list(kind.policies), count=one.count, receipts=one.receipts)
        for kind, one in sorted(tally.flips.items(), key=lambda f: (f[0].kind != "wider", -f[1].count, f[0].action))
    ]
    narrower = tally.decided - tally.same - tally.wider
    document = SimulatedPolicies(
        found.before, found.after, found.decisions, tally.same, tally.wider, narrower, tally.unfit, tally.unplaced,
        found.without_evidence, flips,
    )  # fmt: skip
    is_wrong = tally.wider if fail_on is FailOn.widened else tally.wider + narrower if fail_on else 0
    return Answer(document, _simulated(document), code=WIDER if is_wrong else DONE)


def _words(kind: "FlipKind") -> tuple[str, str, str, str, str, str]:
    return kind.kind, kind.action, kind.agent, kind.person, kind.before, kind.after


def _simulated(document: SimulatedPolicies) -> list[str]:
    left = [
        f"{count} {why}"
        for count, why in (
            (document.unfit, "do not fit a contract that has changed"),
            (document.unplaced, "were denied early at a connection that is not known"),
            (document.without_evidence, "denials keep no evidence to decide again"),
        )
        if count
    ]
    # a few receipts are enough to look at; JSON has more of them
    rows = [{**_flip(one), "receipts": ", ".join(one.receipts[:3])} for one in document.flips]
    head = (
        f"{document.before} → {document.after}: {document.decisions} decisions, {document.same} same, "
        f"{document.wider} wider, {document.narrower} narrower"
    )
    return [head, *left, *(table(rows, rows[0]) if rows else ())]


def _flip(one: FlippedDecisions) -> dict[str, str]:
    return {
        "change": "WIDER" if one.kind == "wider" else one.kind,
        "count": str(one.count),
        "action": one.action,
        "agent": one.agent,
        "person": one.person,
        "before": one.before,
        "after": one.after,
        "policies": ", ".join(one.policies),
    }


def _outcome(change: "OutcomeChange") -> ChangedOutcome:
    import yaml

    # what a test would have to say: nothing that is the same in every case
    case = change.case.model_dump(mode="json", exclude_defaults=True, exclude={"name", "expect"})
    special = {k: v for k, v in case.items() if k not in ("action", "agent", "person")}
    return ChangedOutcome(
        change.widens,
        change.who,
        change.action,
        change.risk,
        change.resource,
        change.place.connection,
        change.place.says,
        change.before.says,
        change.after.says,
        list(change.policies),
        change.situations,
        _example(special),
        yaml.safe_dump(case, sort_keys=False, default_flow_style=None, width=120),
    )


def _text(found: "PolicyChange", document: DiffedPolicies) -> list[str]:
    rows = [_row(one) for one in document.outcomes]
    lines = [_head(document), *(part.says for part in found.parts)]
    return [*lines, *(table(rows, rows[0]) if rows else ()), *_refused(document)]


def _refused(document: DiffedPolicies) -> list[str]:
    if not document.wider:
        return []
    return [
        f"{len(document.wider)} are wider than allowed; accept one by `--allow-wider` and its action or its policies"
    ]


def _head(document: DiffedPolicies) -> str:
    wide = sum(one.widens for one in document.outcomes)
    search = "every combination" if document.whole else "not every combination"
    return (
        f"{document.before} → {document.after}: {len(document.parts)} parts differ, {len(document.outcomes)} outcomes, "
        f"{wide} of them wider ({document.situations} situations, {search} of boundary values)"
    )


def _row(one: ChangedOutcome) -> dict[str, str]:
    return {
        "change": "WIDER" if one.widens else "narrower",
        "who": one.who,
        "action": one.action,
        "resource": one.resource,
        "environment": one.environment,
        "before": one.before,
        "after": one.after,
        "policies": ", ".join(one.policies),
        "for example": one.example,
    }


def _example(values: Mapping[str, object]) -> str:
    """What is special about a situation, in a few words."""
    said = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = _example({k: v for k, v in value.items() if k not in ("tenant", "environment")})
            said += [inner] if inner else []
        elif name not in ("role", "roles"):
            said.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
    return " ".join(said)


def _markdown(found: "PolicyChange", document: DiffedPolicies) -> list[str]:
    rows = [_row(one) for one in document.outcomes]
    lines = ["### What this change of policies means", "", _plain(_head(document)), ""]
    lines += [f"- {_plain(part.says)}" for part in found.parts]
    if rows:
        lines += ["", f"| {' | '.join(rows[0])} |", f"| {' | '.join('---' for _ in rows[0])} |"]
        lines += [f"| {' | '.join(_plain(cell) for cell in row.values())} |" for row in rows]
    return lines


def _plain(text: str) -> str:
    """Text that is no markup of a comment: a name in a file cannot make a link, a heading or a mention of it."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|@!" else sign for sign in text.replace("\n", " "))
