"""`receipt tail`: the newest receipts, and with `--follow` each further one as soon as it is in the log."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import orjson
import typer

from server.cli.answer import verb
from server.cli.output import Format
from server.cli.store import reading
from server.cli.workspace_option import WorkspaceOption

if TYPE_CHECKING:
    from receipts.statement.entries import LogEntry

_PAUSE_SECONDS: Final = 0.5
"""How long it waits between two looks: whoever watches wants to see a receipt in the same second."""
_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class TailedReceipt:
    """One receipt as it came; `leaf_index` is the cursor for `--after`."""

    leaf_index: int
    at: str
    receipt: str
    kind: str
    status: str
    agent: str
    contract: str
    action: str | None


def register(receipt: typer.Typer) -> None:
    """Add the command to its group."""
    verb(receipt, "tail")(tail)


def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=10_000, help="How many to begin with.")] = 10,
    after: Annotated[int | None, typer.Option(help="Begin after this leaf index instead.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until it is stopped.")] = False,
    format: Annotated[
        Format, typer.Option("--format", help="A table for people, or JSON for programs.")
    ] = Format.table,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print the newest receipts, the newest last, one a line; with --follow each further one as soon as it is there."""
    from receipts.statement import entries
    from receipts.store.health import log_size

    cursor = after
    while True:
        # opened anew for each look: a snapshot of a database shows nothing that came after it
        with reading(workspace) as read:
            if cursor is None:
                cursor = max(-1, log_size(read) - lines - 1)
            while found := entries.after(read, cursor, _CHUNK):
                for one in found:
                    typer.echo(_line(one, format))
                cursor = found[-1].leaf_index
        if not follow:
            return
        time.sleep(_PAUSE_SECONDS)


def _line(entry: "LogEntry", format_: Format) -> str:
    from contracts.text.visible_text import visible
    from receipts.log.signing import Envelope
    from server.results.timestamp import iso

    predicate = orjson.loads(Envelope.decode(entry.envelope).payload)["predicate"]
    contract = predicate.get("contract") or {}
    row = TailedReceipt(
        entry.leaf_index,
        iso(entry.at_ms),
        entry.receipt,
        entry.kind,
        entry.status,
        str(predicate.get("agent") or ""),
        str(contract.get("id") or "") if isinstance(contract, dict) else str(contract),
        entry.action_id,
    )
    if format_ is not Format.table:
        return orjson.dumps(row).decode()
    return visible(
        f"{row.leaf_index:>7}  {row.at}  {row.receipt}  {row.kind:<9} {row.status:<18} {row.agent} {row.contract}"
    ).rstrip()
