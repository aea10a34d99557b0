"""Commands about receipts: find, read, prove, verify, and the questions of security teams."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner
from server.cli.output import Format, FormatOption, WorkspaceOption, show, table, told
from server.cli.store import reading

if TYPE_CHECKING:
    from receipts.audit.query import Found

receipt = typer.Typer(help="Receipts: find, read, prove, verify, and ask about them.", no_args_is_help=True)
ReceiptArgument = Annotated[str, typer.Argument(help="The receipt's id, which starts with `rcp_`.")]
SinceOption = Annotated[str, typer.Option(help="How far back, for example 12h or 30m.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
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
        receipt.command(name)(told(command))
    app.add_typer(receipt, name="receipt")
    app.command()(told(audit))


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
    from server.workspace.workspace import Workspace

    with reading(workspace) as read:
        entry = entries.find_in(read, id_)
    space = Workspace.open(Path(workspace).resolve())
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

    since_ms = _since(since) if since else 0
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
            agent=agent, contract=contract, status=status, kind=kind, matches=matches, since_ms=since_ms, limit=limit
        )
        found = [] if match and not matches else find(read, query)
    _list(format, found)


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
    from server.results.receipt_summary import sentences

    with reading(workspace) as read:
        entry = entries.find_in(read, receipt_id)
        why = reason_of(read, receipt_id)
    if entry is None:
        raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    statement = orjson.loads(Envelope.decode(entry.envelope).payload)
    lines = [
        *sentences(statement["predicate"], why),
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
    from server.workspace.workspace import Workspace

    if out is not None:
        record_here(Workspace.open(Path(workspace).resolve()), receipt_id, EVERYTHING)
    with reading(workspace) as read:
        found = pieces_of(read, receipt_id)
    if not found:
        raise AilyusError("not_found", f"there is no evidence of a receipt `{receipt_id}`")
    pieces = [{"label": one.label, "bytes": len(one.data)} for one in found]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for piece, one in zip(pieces, found, strict=True):
            path = out / re.sub(r"[^A-Za-z0-9._-]", "-", one.label)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(one.data)
            piece["file"] = str(path)
    show(format, pieces, table(pieces, ("label", "bytes", "file") if out else ("label", "bytes")))


def proof(
    receipt_id: ReceiptArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; standard output if left out.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="An older checkpoint (a signed note) to prove continuity from.")
    ] = None,
    disclose: Annotated[bool, typer.Option(help="Open the commitments: parameters, observations, approvals.")] = True,
    workspace: WorkspaceOption = ".",
) -> None:
    """Write one offline file that proves a receipt."""
    from receipts.audit.proof import write_proof
    from receipts.log.checkpoint import Checkpoint
    from server.admin.access import PROOF, record_here
    from server.workspace.workspace import Workspace

    old = None
    if since is not None:
        old = Checkpoint.of_note(_note(since)).size
    if disclose:  # guard: who reads a proof at the command line
        record_here(Workspace.open(Path(workspace).resolve()), receipt_id, PROOF)
    with reading(workspace) as read:
        data = write_proof(read, receipt_id, old, disclose).encoded()
    if out is None:
        typer.echo(data.decode(), nl=False)
    else:
        out.write_bytes(data)


def verify_file(
    file: Annotated[Path, typer.Argument(help="A file written by `receipt proof`.")],
    trust: Annotated[Path, typer.Option(help="The trusted roots; they come from you, never from the file.")] = Path(
        "roots.json"
    ),
    since: Annotated[Path | None, typer.Option(help="An older checkpoint that the log must continue.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Verify a proof file offline; the exit code carries the verdict."""
    from contracts.text.source import Malformed, read_bytes
    from receipts.audit.proof import MAX_FILE
    from receipts.audit.roots import read_roots
    from receipts.audit.verify import verify
    from server.results.receipt_summary import sentences

    try:
        data = read_bytes(file, MAX_FILE)
    except Malformed as error:
        raise AilyusError("bad_proof", str(error), field=str(file)) from None
    verified = verify(data, read_roots(trust), _note(since) if since else None)
    body = {
        "authentic": True,
        "receipt": dict(verified.receipt),
        "checkpoint": verified.checkpoint.size,
        "not_shown": list(verified.not_shown),
    }
    lines = [f"authentic: yes, {len(verified.statements)} statements in a log of {verified.checkpoint.size}"]
    lines += sentences(verified.receipt)
    lines += [f"not shown: {what}" for what in verified.not_shown]
    show(format, body, lines)


def export(
    after: Annotated[int, typer.Option(help="The cursor: the last leaf index that you have.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")] = 100_000,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print statements as JSON lines, in the order of the log; the leaf index is a cursor without gaps."""
    from receipts.statement import entries

    with reading(workspace) as read:
        while limit > 0 and (found := entries.after(read, after, min(limit, 1000))):
            for one in found:
                typer.echo(f'{{"leaf_index":{one.leaf_index},"envelope":{one.envelope.decode()}}}')
            after, limit = found[-1].leaf_index, limit - len(found)


def _note(path: Path) -> str:
    from contracts.text.source import Malformed, read_source

    try:
        return read_source(path)
    except Malformed as error:
        raise AilyusError("bad_proof", f"the checkpoint is none: {error}", field=str(path)) from None


def audit(
    workspace: WorkspaceOption = ".",
    trust: Annotated[
        Path | None, typer.Option(help="The trusted roots; roots.json of the workspace if left out.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Also write the newest checkpoint to this file.")] = None,
    since: Annotated[
        str, typer.Option(help="How far back, for example 72h; or a file with an older checkpoint to be continued.")
    ] = "168h",
    format: FormatOption = Format.text,
) -> None:
    """Is anything missing? Recompute the log up to its newest signed checkpoint and compare every row with it."""
    from receipts.audit.audit import SELF_ATTESTED
    from receipts.audit.audit import audit as run_audit
    from receipts.audit.questions import first_since
    from receipts.audit.roots import read_roots, signed_checkpoint
    from receipts.store.log_tables import newest_note
    from server.workspace.stores import remembered_head
    from server.workspace.workspace import Workspace

    space = Workspace.open(Path(workspace).resolve())
    roots = read_roots(trust or space.root / "roots.json")
    older = signed_checkpoint(_note(Path(since)), roots) if Path(since).is_file() else None
    head = remembered_head(space)
    with reading(workspace) as read:
        findings = list(run_audit(read, roots, head, older))
        note = newest_note(read)
        then, now = (older.size, first_since(read, 0)[1]) if older else first_since(read, _since(since))
    if checkpoint is not None:
        checkpoint.write_text(note, encoding="utf-8")
    after = f"since the checkpoint at {then}" if older else f"since {since} ago"
    show(
        format,
        {"ok": not findings, "findings": findings, "then": then, "now": now, "attested": "self"},
        findings
        or [f"ok: nothing is missing and nothing was changed; {now} statements, {now - then} {after}", SELF_ATTESTED],
    )
    if findings:
        raise typer.Exit(1)


# -- questions -----------------------------------------------------------------------------------------------------


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
        _list(format, changed_by(read, agent, _since(since)))


def not_confirmed(
    since: SinceOption = "168h", workspace: WorkspaceOption = ".", format: FormatOption = Format.text
) -> None:
    """What was not confirmed?"""
    from receipts.audit.questions import unconfirmed

    with reading(workspace) as read:
        _list(format, unconfirmed(read, _since(since)))


def everything_done_to(
    who: Annotated[str, typer.Argument(help="An e-mail, a record's id, or an indexed input, exactly.")],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """What was done to this person or record? Found although the receipts hold pseudonyms."""
    from receipts.audit.record_search import done_to

    with reading(workspace) as read:
        _list(format, done_to(read, who))


def who_approved(
    receipt_id: ReceiptArgument,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Who approved it, and what did they see?"""
    from receipts.audit.questions import approved_by
    from server.results.answers import iso

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
    from server.results.answers import iso

    with reading(workspace) as read:
        groups = denied(read, _since(since))
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


def _list(format_: Format, found: "Sequence[Found]") -> None:
    from receipts.audit.query import MAX_FOUND
    from server.results.answers import iso

    rows: list[dict[str, object]] = [
        {
            "at": iso(f.at_ms),
            "receipt": f.receipt_id,
            "kind": f.kind,
            "status": f.status,
            "changed": f.changed,
            "contract": f.contract,
            "agent": f.agent,
            "action": f.action_id,
        }
        for f in found
    ]
    columns = ("at", "receipt", "kind", "status", "contract", "agent")
    lines = table(rows, columns) if rows else ["none"]
    if len(rows) >= MAX_FOUND:
        lines.append(f"only the newest {len(rows)}: ask for less time, or use `ailyus receipt export`")
    show(format_, rows, lines)


def _since(text: str) -> int:
    import time

    from contracts.schema.fields import milliseconds

    try:
        return int(time.time() * 1000) - milliseconds(text)
    except ValueError as error:
        raise AilyusError("bad_settings", str(error), hint="for example --since 12h") from None
