"""The receipt that is meant: by its own id, or by that of its action, whose newest one it then is."""

from typing import TYPE_CHECKING

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from receipts.statement.entries import LogEntry
    from receipts.store.row import Read


def entry_of(read: "Read", id_: str) -> "LogEntry":
    """The entry of the log of a receipt, or the newest of an action. Raises `not_found`."""
    from receipts.statement import entries

    entry = entries.find_in(read, id_)
    if entry is None:
        found = entries.of_action_in(read, id_)
        # how it ended, where it has: what was signed before or after says less
        ends = [one for one in found if one.kind == "outcome"] or found
        if not ends:
            hint = "`ailyus receipt find` and `ailyus action list` show the ids"
            raise AilyusError("not_found", f"there is no receipt or action `{id_}`", hint=hint)
        entry = ends[-1]
    return entry


def receipt_of(read: "Read", id_: str) -> str:
    """The id of that receipt."""
    return entry_of(read, id_).receipt
