"""The questions of security teams as commands: what was changed, denied, approved, allowed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from server.cli.answer import Answer, verb
from server.cli.document_part import part
from server.cli.options import EitherArgument
from server.cli.owner import decoded
from server.cli.receipt_choice import receipt_of
from server.cli.receipt_list import ListedReceipt, SinceOption, listed, since_ms
from server.cli.store import reading
from server.cli.workspace_option import WorkspaceOption


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One approval or refusal of an action: who, in which role, by which kind of key, and what they saw."""

    receipt: str
    at_ms: int
    status: str
    person: str
    role: str
    comment: str
    keyid: str
    key: str
    saw: list[Annotated[Mapping[str, object], part("policies.approval_document:Line")]] | None
    display: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision of Cedar: the deciding policies, for agent and person."""

    receipt: str
    kind: str
    status: str
    policies: Mapping[str, list[str]]
    slice: str | None


@dataclass(frozen=True, slots=True)
class DenialGroup:
    """Denials of one contract for one agent, with the newest receipts and why each was denied."""

    agent: str
    contract: str
    count: int
    first_ms: int
    last_ms: int
    receipts: list[str]
    reasons: Mapping[str, str]
    looks_like_probing: bool


def changed(
    agent: Annotated[str, typer.Argument(help="The agent.")],
    since: SinceOption = "12h",
    workspace: WorkspaceOption = ".",
) -> Answer[list[ListedReceipt]]:
    """What did this agent change?"""
    from receipts.audit.questions import changed_by
    from receipts.audit.vocabulary import require_agent

    with reading(workspace) as read:
        require_agent(read, agent)
        return listed(read, changed_by(read, agent, since_ms(since)))


def not_confirmed(since: SinceOption = "168h", workspace: WorkspaceOption = ".") -> Answer[list[ListedReceipt]]:
    """What was not confirmed?"""
    from receipts.audit.questions import unconfirmed

    with reading(workspace) as read:
        return listed(read, unconfirmed(read, since_ms(since)))


def everything_done_to(
    who: Annotated[str, typer.Argument(help="An e-mail, a record's id, or an indexed input, exactly.")],
    workspace: WorkspaceOption = ".",
) -> Answer[list[ListedReceipt]]:
    """What was done to this person or record? Found although the receipts hold pseudonyms."""
    from receipts.audit.record_search import done_to

    with reading(workspace) as read:
        return listed(read, done_to(read, who))


def who_approved(id_: EitherArgument, workspace: WorkspaceOption = ".") -> Answer[list[ApprovalRow]]:
    """Who approved it, and what did they see?"""
    from receipts.audit.questions import approved_by
    from server.results.timestamp import iso

    with reading(workspace) as read:
        rows = decoded(list[ApprovalRow], approved_by(read, receipt_of(read, id_)))
    lines = []
    for row in rows:
        lines.append(f"{iso(row.at_ms)} {row.status} by {row.person} as {row.role}, {row.key} key: {row.receipt}")
        lines += [f"  comment: {row.comment}"] if row.comment else []
        lines += [f"  {line['label']}: {line['value']}" for line in row.saw or ()]
    return Answer(rows, lines or ["nobody was asked"])


def which_policy(id_: EitherArgument, workspace: WorkspaceOption = ".") -> Answer[list[DecisionRow]]:
    """Which policy allowed it?"""
    from receipts.audit.questions import allowed_by

    with reading(workspace) as read:
        rows = decoded(list[DecisionRow], allowed_by(read, receipt_of(read, id_)))
    lines = [
        f"{row.kind} {row.status} for the {who}: {', '.join(ids) or 'no policy'} ({row.receipt})"
        for row in rows
        for who, ids in row.policies.items()
    ]
    return Answer(rows, lines or ["no policy was asked"])


def tried_and_denied(since: SinceOption = "168h", workspace: WorkspaceOption = ".") -> Answer[list[DenialGroup]]:
    """What was tried and denied, grouped?"""
    from receipts.audit.denials import denied
    from server.results.timestamp import iso

    with reading(workspace) as read:
        groups = denied(read, since_ms(since))
    lines = []
    for group in groups:
        probing = ": probing?" if group.looks_like_probing else ""
        span = f"{iso(group.first_ms)} to {iso(group.last_ms)}"
        lines.append(f"{group.count} denials of {group.contract} by {group.agent}, {span}{probing}")
        why = group.reasons
        lines += [f"  {receipt_id}: {why.get(receipt_id, 'no reason was kept')}" for receipt_id in group.receipts]
        lines += [f"  and {group.count - len(group.receipts)} more"] if group.count > len(group.receipts) else []
    rows = [
        DenialGroup(
            group.agent,
            group.contract,
            group.count,
            group.first_ms,
            group.last_ms,
            list(group.receipts),
            dict(group.reasons),
            group.looks_like_probing,
        )
        for group in groups
    ]
    return Answer(rows, lines or ["nothing was denied"])


def register(receipt: typer.Typer) -> None:
    """Add the questions to `ailyus receipt`."""
    verb(receipt, "changed")(changed)
    verb(receipt, "unconfirmed")(not_confirmed)
    verb(receipt, "approved-by")(who_approved)
    verb(receipt, "done-to")(everything_done_to)
    verb(receipt, "allowed-by")(which_policy)
    verb(receipt, "denied")(tried_and_denied)
