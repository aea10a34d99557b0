"""Which closed actions may leave the store: those that nothing which is still live can ask for.

A group goes as a whole or not at all. It stays while any action of it is open or young, or anything about it is not
settled: an incident, a later look, an escalation, a notice, a secret on its way, the time in which the same call is
still this action. The last actions of each contract, connection and route stay too, since the breaker counts them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from receipts.archive.action_group import ActionGroup
from receipts.journal.breaker import STREAK
from receipts.store.row import Read, Value, integer

Hold = Literal[
    "", "open", "young", "repeat", "incident", "recheck", "escalation", "notice", "secret", "breaker", "unsound"
]
"""Why a group stays; empty where nothing holds it."""
PAGE: Final = 64
COUNTED_MS: Final = 26 * 3_600_000
"""The longest time within which policies count what was sent: a calendar day has 25 hours where clocks are put back.

Rates (`receipts/journal/intent.py` `rate_query`) and rolling budgets count 24 hours; one of these 26 is to spare."""
_CLOSED: Final = (
    "SELECT id FROM actions AS a WHERE id > ? AND state = 'ended' AND plan_id IS NULL AND updated_ms < ?"
    # an undo goes with what it takes back, and by itself once that has gone
    " AND (undoes IS NULL OR NOT EXISTS (SELECT 1 FROM actions AS o WHERE o.id = a.undoes))"
    f" ORDER BY id LIMIT {PAGE}"
)
_COUNTED: Final = (
    "SELECT id FROM actions WHERE {0} = ? AND sent_ms > 0 AND state = 'ended' AND plan IS NULL"
    f" ORDER BY updated_ms DESC, rowid DESC LIMIT {STREAK}"
)
_ROUTES: Final = (
    "SELECT action_id FROM intents WHERE via = ? AND state <> 'intent'"
    f" ORDER BY deadline_ms DESC, rowid DESC LIMIT {STREAK}"
)
_SECRETS: Final = (
    "SELECT u.action_id FROM handle_uses AS u JOIN handles AS h ON h.id = u.handle WHERE h.sealed IS NOT NULL"
    " UNION SELECT made_by FROM handles WHERE sealed IS NOT NULL"
    " UNION SELECT plan_id FROM handles WHERE sealed IS NOT NULL AND plan_id IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class RetentionLine:
    """What is older than `before_ms` may go; `counted` are actions of the breaker, `secrets` those of live secrets."""

    before_ms: int
    now_ms: int
    counted: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()

    @classmethod
    def read(cls, read: Read, before_ms: int, now_ms: int) -> "RetentionLine":
        """The line as the store draws it now."""
        counted: set[str] = set()
        for column in ("contract", "connection"):
            for (name,) in read(f"SELECT DISTINCT {column} FROM actions WHERE sent_ms > 0"):
                counted |= _ids(read, _COUNTED.format(column), name)
        for (via,) in read("SELECT DISTINCT via FROM intents WHERE via <> ''"):
            counted |= _ids(read, _ROUTES, via)
        return cls(before_ms, now_ms, frozenset(counted), frozenset(_ids(read, _SECRETS)))


def closed_roots(read: Read, line: RetentionLine, after: str) -> list[str]:
    """The next actions that may be roots of groups to go, by their ids."""
    return [str(id_) for (id_,) in read(_CLOSED, after, line.before_ms)]


def hold_of(group: ActionGroup, line: RetentionLine) -> Hold:
    """What keeps a group in the store."""
    return next((hold for hold in _holds(group, line)), "")


def _holds(group: ActionGroup, line: RetentionLine) -> Iterator[Hold]:
    for action in group.records("actions"):
        # INVARIANT 5, and 1: what is open, or what the same call still is, is asked for again
        if action["state"] != "ended":  # guard: what is open is not archived
            yield "open"
        if any(integer(action[name]) >= line.before_ms for name in ("created_ms", "updated_ms", "sent_ms")):
            yield "young"
        if integer(action["held_until_ms"]) > line.now_ms:  # guard: a repeat window is not archived
            yield "repeat"
        if action["id"] in line.counted:  # guard: what the breaker counts is not archived
            yield "breaker"
        if action["id"] in line.secrets:
            yield "secret"
    for statement in group.records("statements"):
        if integer(statement["at_ms"]) >= line.before_ms:
            yield "young"
    yield from (hold for table, hold, settled in _SETTLED for row in group.records(table) if not _is(row, settled))


_SETTLED: Final[tuple[tuple[str, Hold, tuple[str, ...]], ...]] = (
    ("incidents", "incident", ("resolved_ms",)),
    ("rechecks", "recheck", ("done_ms",)),
    ("escalations", "escalation", ("acknowledged_ms",)),
    ("notices", "notice", ("delivered_ms", "failed_ms")),
)
"""Tables, what a row of each holds, and the columns of which one says that it is settled."""


def _is(row: Mapping[str, Value], settled: tuple[str, ...]) -> bool:
    return any(row[name] is not None for name in settled)


def _ids(read: Read, sql: str, *values: Value) -> set[str]:
    return {str(id_) for (id_,) in read(sql, *values)}
