"""Commands about receipts: find, read, export, look again. Proofs and questions are in modules of their own."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from contracts.errors import AilyusError
from server.cli import (
    bundle_command,
    coverage_command,
    erasure_command,
    proof_commands,
    question_commands,
    receipt_tail,
)
from server.cli.answer import Answer, group, verb
from server.cli.document_part import part
from server.cli.exit_code import DONE, REFUSED
from server.cli.options import EitherArgument
from server.cli.output import table
from server.cli.owner import asked
from server.cli.progress import working
from server.cli.receipt_choice import entry_of, receipt_of
from server.cli.receipt_list import ListedReceipt, listed, since_ms
from server.cli.store import reading, reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from receipts.statement.entries import LogEntry

receipt = group("Receipts: find, read, prove, verify, and ask about them.")
run = group("The audit of the log.")
Statement = Annotated[Mapping[str, object], part("receipts.statement.schema:schema")]
"""A signed statement; its schema is published (`ailyus receipt schema`)."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What was seen when an action was looked at again, and the receipt about it."""

    action: str
    status: str
    receipt: str | None


@dataclass(frozen=True, slots=True)
class PieceRow:
    """One piece of evidence, and the file that it was written to."""

    label: str
    bytes: int
    file: str = ""


@verb(receipt, "find")
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
) -> Answer[list[ListedReceipt]]:
    """Find receipts, newest first."""
    from receipts.audit.query import Query, find
    from receipts.audit.record_search import search_values
    from receipts.audit.vocabulary import require_agent, require_contract, require_kind, require_status

    after_ms = since_ms(since) if since else 0
    if kind is not None:
        require_kind(kind)
    with reading(workspace) as read:
        if status is not None:
            require_status(status)
        if agent is not None:
            require_agent(read, agent)
        if contract is not None:
            require_contract(read, contract)
        matches = search_values(read, match) if match else []
        query = Query(
            agent=agent, contract=contract, status=status, kind=kind, matches=matches, since_ms=after_ms, limit=limit
        )
        # a value of which no pseudonym is in the log is in no receipt; an empty filter would find them all
        return listed(read, [] if match and not matches else find(read, query))


@verb(receipt, "show")
def show_receipt(
    id_: EitherArgument,
    raw: Annotated[bool, typer.Option("--raw", help="Also print the whole signed statement as JSON.")] = False,
    changes: Annotated[
        bool,
        typer.Option("--changes", help="Also print what changed, before → after; the log notes that it was read."),
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[Statement]:
    """Read a receipt, or the newest of an action, in sentences; its JSON with --raw."""
    from receipts.audit.denials import reason_of
    from receipts.log.signing import Envelope
    from server.results.receipt_summary import summarize

    with reading_of(workspace, id_) as read:
        entry = entry_of(read, id_)
        why = reason_of(read, entry.receipt)
    statement = orjson.loads(Envelope.decode(entry.envelope).payload)
    lines = [*summarize(statement["predicate"], why), *_checks(statement["predicate"]), ""]
    if changes:
        lines += [*(_changes(workspace, entry) or ["no read before and after differs, or none is kept"]), ""]
    lines.append(f"receipt {entry.receipt}, log index {entry.leaf_index}")
    if raw:
        lines.append(orjson.dumps(statement, option=orjson.OPT_INDENT_2).decode())
    return Answer(statement, lines)


@verb(receipt, "evidence")
def evidence(
    id_: EitherArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder to write each piece to.")] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[list[PieceRow]]:
    """List what a receipt's evidence is, or write it to files: bodies, screenshots, snapshots of pages."""
    from receipts.statement.evidence import pieces as pieces_of
    from server.admin.access import EVERYTHING, record_here

    with reading_of(workspace, id_) as read:
        receipt_id = receipt_of(read, id_)
    if out is not None:  # to list what there is reads nothing of it
        record_here(open_workspace(workspace), receipt_id, EVERYTHING)
    with reading_of(workspace, receipt_id) as read:
        found = pieces_of(read, receipt_id)
    if not found:
        raise AilyusError("not_found", f"there is no evidence of a receipt `{receipt_id}`")
    if out is None:
        rows = [PieceRow(one.label, len(one.data)) for one in found]
        return Answer(rows, table(rows, ("label", "bytes")))
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    rows = []
    for one in found:
        # a label may hold what a target wrote: it is no path
        path = out / re.sub(r"[^A-Za-z0-9._-]", "-", one.label)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(one.data)
        rows.append(PieceRow(one.label, len(one.data), str(path)))
    return Answer(rows, table(rows, ("label", "bytes", "file")))


@verb(receipt, "export")
def export(
    after: Annotated[int, typer.Option(help="The cursor: the last leaf index that you have.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")] = 100_000,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print statements as JSON lines, in the order of the log; the leaf index is a cursor without gaps."""
    from receipts.statement import entries
    from receipts.store.health import log_size

    with reading(workspace) as read, working("exporting statements") as step:
        total, done = min(limit, max(0, log_size(read) - after - 1)), 0
        # a thousand at a time: a log is larger than the memory of whoever exports it
        while limit > 0 and (found := entries.after(read, after, min(limit, 1000))):
            for one in found:
                typer.echo(f'{{"leaf_index":{one.leaf_index},"envelope":{one.envelope.decode()}}}')
            after, limit, done = found[-1].leaf_index, limit - len(found), done + len(found)
            step(done, total)


@verb(receipt, "recheck")
def recheck(id_: EitherArgument, workspace: WorkspaceOption = ".") -> Answer[Rechecked]:
    """Look again: does what was confirmed still hold, what became of what is unknown? Exit 1 where it is not so."""
    with reading(workspace) as read:
        action_id = entry_of(read, id_).action_id or id_
    found = asked(open_workspace(workspace), "POST", f"/actions/{action_id}/recheck", Rechecked)
    code = DONE if found.status in ("holds", "confirmed") else REFUSED
    return Answer(found, [f"{found.status}: receipt {found.receipt}"], code=code)


@verb(receipt, "schema")
def print_schema() -> Answer[Mapping[str, object]]:
    """Print the JSON Schema of a statement: every field that a receipt can have, by its kind."""
    from receipts.statement.schema import schema

    found = schema()
    return Answer(found, [orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()])


def _changes(workspace: str, entry: "LogEntry") -> list[str]:
    """What was read before, which the last intent keeps, against what was read after."""
    from receipts.statement import entries
    from receipts.statement.evidence import pieces
    from server.admin.access import EVERYTHING, record_here
    from server.cli.record_changes import changes_of

    found: dict[str, bytes] = {}
    with reading_of(workspace, entry.receipt) as read:
        steps = entries.of_action_in(read, entry.action_id or "")
    before = [one.receipt for one in steps if one.kind == "intent" and one.leaf_index < entry.leaf_index][-1:]
    for receipt_id in (*before, entry.receipt):
        record_here(open_workspace(workspace), receipt_id, EVERYTHING)  # guard: who reads what changed
        with reading_of(workspace, receipt_id) as read:
            found |= {one.label: one.data for one in pieces(read, receipt_id)}
    return changes_of(found)


def _checks(predicate: Mapping[str, object]) -> list[str]:
    """What was read back, check by check."""
    found = predicate.get("checks")
    words = {True: "yes", False: "NO", None: "not read"}
    return [
        f"  {words.get(one.get('met'), 'not read')}: {one.get('that')}"
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]


# people look for proofs and questions under `ailyus receipt`, too
proof_commands.register(receipt, run)
erasure_command.register(run)
coverage_command.register(run)
question_commands.register(receipt)
receipt_tail.register(receipt)
bundle_command.register(receipt)
