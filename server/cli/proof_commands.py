"""Commands that prove: a proof file, its verification, and the audit of the log."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli.options import ArchiveOption, ReceiptArgument
from server.cli.output import Format, FormatOption, show
from server.cli.receipt_list import since_ms
from server.cli.store import reading, reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace


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

    old = None
    if since is not None:
        old = Checkpoint.of_note(read_note(since)).size
    # a proof that opens nothing holds digests alone: nobody needs to know who has it
    if disclose:  # guard: who reads a proof at the command line
        record_here(open_workspace(workspace), receipt_id, PROOF)
    with reading_of(workspace, receipt_id) as read:
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
    from contracts.text.source import MalformedSource, read_bytes
    from receipts.audit.proof import MAX_FILE
    from receipts.audit.roots import read_roots
    from receipts.audit.verify import verify
    from server.results.receipt_summary import summarize

    try:
        data = read_bytes(file, MAX_FILE)
    except MalformedSource as error:  # bounded: a proof comes from somebody whom nobody trusts yet
        raise AilyusError("bad_proof", str(error), field=str(file)) from None
    verified = verify(data, read_roots(trust), read_note(since) if since else None)
    body = {
        "authentic": True,
        "receipt": dict(verified.receipt),
        "checkpoint": verified.checkpoint.size,
        "not_shown": list(verified.not_shown),
    }
    lines = [f"authentic: yes, {len(verified.statements)} statements in a log of {verified.checkpoint.size}"]
    lines += summarize(verified.receipt)
    lines += [f"not shown: {what}" for what in verified.not_shown]
    show(format, body, lines)


def read_note(path: Path) -> str:
    """The signed note of a checkpoint in a file. Raises `AilyusError`."""
    from contracts.text.source import MalformedSource, read_source

    try:
        return read_source(path)
    except MalformedSource as error:
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
    archive: ArchiveOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Is anything missing? Recompute the log up to its newest signed checkpoint and compare every row with it."""
    from receipts.audit.archive_walk import unread
    from receipts.audit.audit import SELF_ATTESTED
    from receipts.audit.audit import audit as run_audit
    from receipts.audit.losses import losses
    from receipts.audit.questions import first_since
    from receipts.audit.roots import read_roots
    from receipts.store.key_history import keys_from
    from receipts.store.log_tables import newest_note
    from server.workspace.archives import archives_at_hand
    from server.workspace.stores import remembered_head

    space = open_workspace(workspace)
    roots = read_roots(trust or space.root / "roots.json")
    kept = read_note(Path(since)) if Path(since).is_file() else None
    head = remembered_head(space)  # before the snapshot, which may only hold more
    with reading(workspace) as read, archives_at_hand(space, read, archive or (), roots.trusted) as archives:
        keys = keys_from(read, roots.trusted)
        older = keys.signed(kept, roots.origin)[0] if kept is not None else None
        findings = list(run_audit(read, roots, head, older, archives))
        lost, closed = losses(read, keys), unread(read, archives)
        note = newest_note(read)
        then, now = (older.size, first_since(read, 0)[1]) if older else first_since(read, since_ms(since))
    if checkpoint is not None:
        checkpoint.write_text(note, encoding="utf-8")
    after = f"since the checkpoint at {then}" if older else f"since {since} ago"
    said = f"ok: nothing is missing and nothing was changed; {now} statements, {now - then} {after}"
    show(
        format,
        {"ok": not findings, "findings": findings, "then": then, "now": now, "attested": "self", "losses": lost}
        | {"unread": closed},
        [*(findings or [said, SELF_ATTESTED]), *lost, *closed],
    )
    if findings:
        raise typer.Exit(1)
