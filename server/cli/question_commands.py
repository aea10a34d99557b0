"""The questions of security teams as commands: what was changed, denied, approved, allowed."""

from typing import Annotated

import typer

from server.cli.options import ReceiptArgument
from server.cli.output import Format, FormatOption, show
from server.cli.receipt_list import SinceOption, show_found, since_ms
from server.cli.store import reading
from server.cli.workspace_option import WorkspaceOption


def changed(
    agent: Annotated[str, typer.Argument(help="The agent.")],
    since: SinceOption = "12h",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """What did this agent change?"""
    from receipts.audit.questions import changed_by
    from receipts.audit.vocabulary import require_agent

    with reading(workspace) as read:
        require_agent(read, agent)
        show_found(format, changed_by(read, agent, since_ms(since)))


def not_confirmed(
    since: SinceOption = "168h", workspace: WorkspaceOption = ".", format: FormatOption = Format.text
) -> None:
    """What was not confirmed?"""
    from receipts.audit.questions import unconfirmed

    with reading(workspace) as read:
        show_found(format, unconfirmed(read, since_ms(since)))


def everything_done_to(
    who: Annotated[str, typer.Argument(help="An e-mail, a record's id, or an indexed input, exactly.")],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """What was done to this person or record? Found although the receipts hold pseudonyms."""
    from receipts.audit.record_search import done_to

    with reading(workspace) as read:
        show_found(format, done_to(read, who))


def who_approved(
    receipt_id: ReceiptArgument,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Who approved it, and what did they see?"""
    from receipts.audit.questions import approved_by
    from server.results.timestamp import iso

    with reading(workspace) as read:
        rows = approved_by(read, receipt_id)
    lines = []
    for row in rows:
        at, saw = row["at_ms"], row["saw"]
        when = iso(at) if isinstance(at, int) else ""
        lines.append(f"{when} {row['status']} by {row['person']} as {row['role']}, {row['key']} key: {row['receipt']}")
        lines += [f"  comment: {row['comment']}"] if row["comment"] else []
        shown = [line for line in saw if isinstance(line, dict)] if isinstance(saw, list) else []
        lines += [f"  {line['label']}: {line['value']}" for line in shown]
    show(format, rows, lines or ["nobody was asked"])


def which_policy(
    receipt_id: ReceiptArgument,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Which policy allowed it?"""
    from receipts.audit.questions import allowed_by

    with reading(workspace) as read:
        rows = allowed_by(read, receipt_id)
    lines = []
    for row in rows:
        policies = row["policies"]
        for who, ids in (policies if isinstance(policies, dict) else {}).items():
            names = ", ".join(map(str, ids)) if isinstance(ids, list) and ids else "no policy"
            lines.append(f"{row['kind']} {row['status']} for the {who}: {names} ({row['receipt']})")
    show(format, rows, lines or ["no policy was asked"])


def tried_and_denied(
    since: SinceOption = "168h", workspace: WorkspaceOption = ".", format: FormatOption = Format.text
) -> None:
    """What was tried and denied, grouped?"""
    from dataclasses import asdict

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
    rows = [{**asdict(group), "looks_like_probing": group.looks_like_probing} for group in groups]
    show(format, rows, lines or ["nothing was denied"])
