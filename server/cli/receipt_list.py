"""A list of receipts as commands print it, and how far back it goes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, show, table

if TYPE_CHECKING:
    from receipts.audit.query import Found

SinceOption = Annotated[str, typer.Option(help="How far back, for example 12h or 30m.")]


def show_found(format_: Format, found: "Sequence[Found]") -> None:
    """Print receipts, newest first, and say where the list is not whole."""
    from receipts.audit.query import MAX_FOUND
    from server.results.timestamp import iso

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
    if len(rows) >= MAX_FOUND:  # an answer that is not whole must say so, else it is believed
        lines.append(f"only the newest {len(rows)}: ask for less time, or use `ailyus receipt export`")
    show(format_, rows, lines)


def since_ms(text: str) -> int:
    """The instant that lies so long ago, in milliseconds since the epoch. Raises `AilyusError`."""
    from contracts.schema.fields import milliseconds
    from server.workspace.clock import now_ms

    try:
        return now_ms() - milliseconds(text)
    except ValueError as error:
        raise AilyusError("bad_settings", str(error), hint="for example --since 12h") from None
