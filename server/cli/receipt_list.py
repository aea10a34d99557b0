"""A list of receipts as commands print it, and how far back it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer
from server.cli.output import table

if TYPE_CHECKING:
    from receipts.action.sentence import ActionSentence
    from receipts.audit.query import Found
    from receipts.store.row import Read

SinceOption = Annotated[str, typer.Option(help="How far back, for example 12h or 30m.")]


@dataclass(frozen=True, slots=True)
class ListedReceipt:
    """One receipt in a list. `what` and `person` are of its action, where it is about one and its row is kept.

    `changed` is what the receipt says of a change, None where it says nothing.
    """

    at: str
    receipt: str
    kind: str
    status: str
    what: str
    changed: bool | None
    contract: str
    agent: str
    person: str
    action: str | None


def listed(read: "Read", found: "Sequence[Found]") -> Answer[list[ListedReceipt]]:
    """Receipts, newest first, each with the sentence of its action, and a word where the list is not whole."""
    from receipts.audit.query import MAX_FOUND
    from receipts.tables.receipt_search import subjects_of

    said = subjects_of(read, sorted({one.action_id for one in found if one.action_id}))
    rows = [_row(one, *said.get(one.action_id or "", (None, ""))) for one in found]
    lines = table(rows, ("at", "status", "what", "person", "agent", "kind", "receipt")) if rows else ["none"]
    if len(rows) >= MAX_FOUND:  # an answer that is not whole must say so, else it is believed
        lines.append(f"only the newest {len(rows)}: ask for less time, or use `ailyus receipt export`")
    return Answer(rows, lines)


def _row(one: "Found", sentence: "ActionSentence | None", person: str) -> ListedReceipt:
    from server.results.timestamp import iso

    return ListedReceipt(
        at=iso(one.at_ms),
        receipt=one.receipt_id,
        kind=one.kind,
        status=one.status,
        # a statement about a key or a release has no action: its contract says what there is to say
        what=sentence.quoted if sentence else one.contract,
        changed=one.changed,
        contract=one.contract,
        agent=one.agent,
        person=person,
        action=one.action_id,
    )


def since_ms(text: str) -> int:
    """The instant that lies so long ago, in milliseconds since the epoch. Raises `AilyusError`."""
    from contracts.schema.fields import milliseconds
    from server.workspace.clock import now_ms

    try:
        return now_ms() - milliseconds(text)
    except ValueError as error:
        raise AilyusError("bad_settings", str(error), hint="for example --since 12h") from None
