"""The search of receipts, as lists, pages and commands ask it: by filters and by words, a page at a time.

As stable and as bounded as that of actions (`receipts/tables/action_search.py`). An intent that was followed by another
statement about its action is folded into that one, unless it is asked for. `audit/query.py` answers single questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from contracts.canonical import pseudonym
from receipts.action.sentence import ActionSentence
from receipts.store.row import Read, Row, Value, blob, integer
from receipts.tables.action_search import MAX_PAGE, PAGE, ActionFilter, newest_ids
from receipts.tables.scan import Lead, Window, end_of, looks, narrowest, scan

MOST_ACTIONS: Final = 500
"""Actions whose receipts a search by words or by a record finds: the newest."""
_FOLDED: Final = (
    "NOT (s.kind = 'intent' AND EXISTS"
    " (SELECT 1 FROM statements AS n WHERE n.action_id = s.action_id AND n.leaf_index > s.leaf_index))"
)
_COLUMNS: Final = (
    "s.leaf_index, s.id, s.kind, s.action_id, s.tenant, s.agent, s.contract, s.status, s.changed, s.at_ms, a.says,"
    " a.person"
)
_LED: Final = ("status", "agent", "contract")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFilter:
    """What to look for; None and an empty text match everything. `record`, `words` and times are as for actions.

    `action` gives every receipt of one action, its intents too. `approver`, `risk` and `action_kind` (`read`, `write`)
    are of the action that a receipt is about; `kind` is the statement's own.
    """

    tenant: str
    kind: str | None = None
    status: str | None = None
    agent: str | None = None
    contract: str | None = None
    connection: str | None = None
    person: str | None = None
    approver: str | None = None
    risk: str | None = None
    action_kind: str | None = None
    record: str | None = None
    action: str | None = None
    words: str = ""
    since_ms: int = 0
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class FoundReceipt:
    """One statement of the log in a list. `sentence` and `person` are those of its action, where it is about one."""

    leaf_index: int
    receipt_id: str
    kind: str
    action_id: str | None
    tenant: str
    agent: str
    contract: str
    status: str
    changed: bool | None
    at_ms: int
    sentence: ActionSentence | None
    person: str


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Some receipts, newest first; the rest as for actions. `of_newest`: only so many actions were searched."""

    rows: tuple[FoundReceipt, ...]
    older: int | None
    newer: int | None
    looked_back_to: int | None = None
    of_newest: int | None = None


def find_receipts(
    read: Read, wanted: ReceiptFilter, *, before: int | None = None, after: int | None = None, limit: int = PAGE
) -> ReceiptPage:
    """The newest receipts that match; those before or after a place in the log, nearest to it."""
    limit = max(1, min(limit, MAX_PAGE))
    window = _within_times(read, wanted, Window(after=after, before=before, oldest_first=after is not None))
    named = _named_actions(read, wanted)
    if window is None or named == []:
        return ReceiptPage((), None, None)
    of_newest = MOST_ACTIONS if named is not None and len(named) >= MOST_ACTIONS else None
    lead = narrowest(read, _leads(read, wanted, named), window)
    where, values = _conditions(wanted)
    end = "ASC" if window.oldest_first else "DESC"
    rows: list[FoundReceipt] = []
    last: Value = None
    for most in looks(limit):
        made = scan(lead, window, most)
        # CROSS JOIN: as for actions, the candidates are looked up
        joined = f"({made.sql}) AS c CROSS JOIN statements AS s LEFT JOIN actions AS a ON a.id = s.action_id"
        where_all = f"s.leaf_index = c.k AND {where}"
        sql = f"SELECT {_COLUMNS} FROM {joined} WHERE {where_all} ORDER BY s.leaf_index {end} LIMIT ?"
        rows = [_found(row) for row in read(sql, *made.values, *values, limit + 1)]
        last = None if len(rows) > limit else end_of(read, lead, window, most)
        if last is None:
            break
    more, rows = len(rows) > limit, rows[:limit]
    looked = None if last is None else integer(last)
    rows = rows[::-1] if window.oldest_first else rows
    first = rows[0].leaf_index if rows else None
    if after is not None:
        return ReceiptPage(
            tuple(rows), rows[-1].leaf_index if rows else after, first if more else looked, None, of_newest
        )
    older = rows[-1].leaf_index if more else looked
    newer = None if before is None else before if first is None else first
    return ReceiptPage(tuple(rows), older, newer, looked, of_newest)


def subjects_of(read: Read, actions: Sequence[str]) -> dict[str, tuple[ActionSentence | None, str]]:
    """The sentence of each of these actions, and for whom it was asked."""
    found: dict[str, tuple[ActionSentence | None, str]] = {}
    for start in range(0, len(actions), MOST_ACTIONS):
        chunk = actions[start : start + MOST_ACTIONS]
        marks = ", ".join("?" for _ in chunk)
        for id_, says, person in read(f"SELECT id, says, person FROM actions WHERE id IN ({marks})", *chunk):
            found[str(id_)] = (ActionSentence.unpacked(str(says)) if says else None, str(person))
    return found


def _named_actions(read: Read, wanted: ReceiptFilter) -> list[str] | None:
    """The newest actions that words, a record or an approver find; None where none of them is asked for."""
    if not (wanted.words or wanted.record or wanted.approver):
        return None
    asked = ActionFilter(
        tenant=wanted.tenant,
        words=wanted.words,
        record=wanted.record,
        agent=wanted.agent,
        contract=wanted.contract,
        connection=wanted.connection,
        person=wanted.person,
        approver=wanted.approver,
        risk=wanted.risk,
        kind=wanted.action_kind,
    )
    return newest_ids(read, asked, MOST_ACTIONS)


def _leads(read: Read, wanted: ReceiptFilter, named: Sequence[str] | None) -> list[Lead]:
    tenant = wanted.tenant
    if named is not None:
        marks = ", ".join("?" for _ in named)
        return [Lead("statements", "leaf_index", ((f"action_id IN ({marks})", tuple(named)),))]
    leads = [
        Lead("statements", "leaf_index", ((f"tenant = ? AND {column} = ?", (tenant, value)),))
        for column in _LED
        if (value := getattr(wanted, column))
    ]
    if wanted.action:
        leads.append(Lead("statements", "leaf_index", (("action_id = ?", (wanted.action,)),)))
    if wanted.person:
        # statements hold people as pseudonyms under their tenant's key
        keys = read("SELECT key FROM tenant_keys WHERE tenant = ?", tenant)
        value = pseudonym(blob(keys[0][0]), "person", wanted.person) if keys else ""
        leads.append(Lead("search", "leaf_index", (("value = ?", (value,)),)))
    return leads or [Lead("statements", "leaf_index", (("tenant = ?", (tenant,)),))]


def _conditions(wanted: ReceiptFilter) -> tuple[str, list[Value]]:
    where: list[str] = ["s.tenant || '' = ?"]
    values: list[Value] = [wanted.tenant]
    for column, value in (
        ("s.kind", wanted.kind),
        ("s.status", wanted.status),
        ("s.agent", wanted.agent),
        ("s.contract", wanted.contract),
        ("s.action_id", wanted.action),
        ("a.connection", wanted.connection),
        ("a.person", wanted.person),
        ("a.risk", wanted.risk),
        ("a.kind", wanted.action_kind),
    ):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if wanted.since_ms:
        where.append("s.at_ms >= ?")
        values.append(wanted.since_ms)
    if wanted.until_ms:
        where.append("s.at_ms < ?")
        values.append(wanted.until_ms)
    if not wanted.action and wanted.kind != "intent":
        where.append(_FOLDED)
    return " AND ".join(where), values


def _within_times(read: Read, wanted: ReceiptFilter, window: Window) -> Window | None:
    """The window, no wider than the times need; None where nothing lies in them. Leaves are nearly in order of time."""
    low, high = window.after, window.before
    sql = "SELECT leaf_index FROM statements WHERE tenant = ? AND at_ms {} ? ORDER BY at_ms {} LIMIT 200"
    if wanted.since_ms:
        inner = sql.format(">=", "ASC")
        first = read(f"SELECT min(leaf_index) FROM ({inner}) AS f", wanted.tenant, wanted.since_ms)[0][0]
        if first is None:
            return None
        low = max(integer(first) - 1, -1 if low is None else integer(low))
    if wanted.until_ms:
        inner = sql.format("<", "DESC")
        last = read(f"SELECT max(leaf_index) FROM ({inner}) AS l", wanted.tenant, wanted.until_ms)[0][0]
        if last is None:
            return None
        high = min(integer(last) + 1, 2**62 if high is None else integer(high))
    return replace(window, after=low, before=high)


def _found(row: Row) -> FoundReceipt:
    return FoundReceipt(
        integer(row[0]),
        str(row[1]),
        str(row[2]),
        None if row[3] is None else str(row[3]),
        str(row[4]),
        str(row[5]),
        str(row[6]),
        str(row[7]),
        None if row[8] is None else bool(row[8]),
        integer(row[9]),
        ActionSentence.unpacked(str(row[10])) if row[10] else None,
        "" if row[11] is None else str(row[11]),
    )
