"""Commands about receipts: find, read, export, look again. Proofs and questions are in modules of their own."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner
from server.cli.options import ReceiptArgument
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.proof_commands import audit, proof, verify_file
from server.cli.question_commands import (
    changed,
    everything_done_to,
    not_confirmed,
    tried_and_denied,
    which_policy,
    who_approved,
)
from server.cli.receipt_list import show_found, since_ms
from server.cli.store import reading, reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace

receipt = typer.Typer(help="Receipts: find, read, prove, verify, and ask about them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands, those of proofs and questions too: people look for all of them under `ailyus receipt`."""
    for name, command in (
        ("find", find_receipts),
        ("show", show_receipt),
        ("proof", proof),
        ("evidence", evidence),
        ("verify", verify_file),
        ("export", export),
        ("recheck", recheck),
        ("changed", changed),
        ("unconfirmed", not_confirmed),
        ("approved-by", who_approved),
        ("done-to", everything_done_to),
        ("allowed-by", which_policy),
        ("denied", tried_and_denied),
        ("schema", print_schema),
    ):
        receipt.command(name)(report_errors(command))
    app.add_typer(receipt, name="receipt")
    app.command()(report_errors(audit))


def print_schema() -> None:
    """Print the JSON Schema of a statement: every field that a receipt can have, by its kind."""
    from receipts.statement.schema import schema

    show(Format.json, schema(), ())


def recheck(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A receipt or an action.")],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Look again: does what was confirmed still hold, what became of what is unknown? Exit 1 where it is not so."""
    from receipts.statement import entries

    with reading(workspace) as read:
        entry = entries.find_in(read, id_)
    space = open_workspace(workspace)
    result = ask_owner(space, "POST", f"/actions/{entry.action_id if entry is not None else id_}/recheck")
    facts = result if isinstance(result, dict) else {}
    show(format, facts, [f"{facts.get('status')}: receipt {facts.get('receipt')}"])
    if facts.get("status") not in ("holds", "confirmed"):
        raise typer.Exit(1)


def find_receipts(
    agent: Annotated[str | None, typer.Option(help="What one agent did.")] = None,
    contract: Annotated[str | None, typer.Option(help="What was done by one contract.")] = None,
    status: Annotated[str | None, typer.Option(help="confirmed, denied, unknown, …")] = None,
    match: Annotated[
        str | None, typer.Option(help="An id, e-mail or indexed input, exactly; it is looked up by HMAC.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="outcome, decision, intent, key, release, agent")] = None,
    since: Annotated[str | None, typer.Option(help="For example 12h or 30m.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Find receipts, newest first."""
    from receipts.audit.query import Query, find
    from receipts.audit.record_search import search_values
    from receipts.audit.vocabulary import require_agent, require_contract, require_kind, require_status

    after_ms = since_ms(since) if since else 0
    if kind is not None:
        require_kind(kind)
    with reading(workspace) as read:
        if status is not None:
            require_status(read, status)
        if agent is not None:
            require_agent(read, agent)
        if contract is not None:
            require_contract(read, contract)
        matches = search_values(read, match) if match else []
        query = Query(
            agent=agent, contract=contract, status=status, kind=kind, matches=matches, since_ms=after_ms, limit=limit
        )
        # a value of which no pseudonym is in the log is in no receipt; an empty filter would find them all
        found = [] if match and not matches else find(read, query)
    show_found(format, found)


def show_receipt(
    receipt_id: ReceiptArgument,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Read a receipt: six sentences before any hash."""
    import orjson

    from receipts.audit.denials import reason_of
    from receipts.log.signing import Envelope
    from receipts.statement import entries
    from server.results.receipt_summary import summarize

    with reading_of(workspace, receipt_id) as read:
        entry = entries.find_in(read, receipt_id)
        why = reason_of(read, receipt_id)
    if entry is None:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    statement = orjson.loads(Envelope.decode(entry.envelope).payload)
    lines = [
        *summarize(statement["predicate"], why),
        "",
        f"log index {entry.leaf_index}",
        orjson.dumps(statement, option=orjson.OPT_INDENT_2).decode(),
    ]
    show(format, statement, lines)


def evidence(
    receipt_id: ReceiptArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder to write each piece to.")] = None,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """List what a receipt's evidence is, or write it to files: bodies, screenshots, snapshots of pages."""
    from receipts.statement.evidence import pieces as pieces_of
    from server.admin.access import EVERYTHING, record_here

    if out is not None:  # to list what there is reads nothing of it
        record_here(open_workspace(workspace), receipt_id, EVERYTHING)
    with reading_of(workspace, receipt_id) as read:
        found = pieces_of(read, receipt_id)
    if not found:
        raise AilyusError("not_found", f"there is no evidence of a receipt `{receipt_id}`")
    pieces = [{"label": one.label, "bytes": len(one.data)} for one in found]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for piece, one in zip(pieces, found, strict=True):
            # a label may hold what a target wrote: it is no path
            path = out / re.sub(r"[^A-Za-z0-9._-]", "-", one.label)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(one.data)
            piece["file"] = str(path)
    show(format, pieces, table(pieces, ("label", "bytes", "file") if out else ("label", "bytes")))


def export(
    after: Annotated[int, typer.Option(help="The cursor: the last leaf index that you have.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")] = 100_000,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print statements as JSON lines, in the order of the log; the leaf index is a cursor without gaps."""
    from receipts.statement import entries

    with reading(workspace) as read:
        # a thousand at a time: a log is larger than the memory of whoever exports it
        while limit > 0 and (found := entries.after(read, after, min(limit, 1000))):
            for one in found:
                typer.echo(f'{{"leaf_index":{one.leaf_index},"envelope":{one.envelope.decode()}}}')
            after, limit = found[-1].leaf_index, limit - len(found)


# -- questions -----------------------------------------------------------------------------------------------------
