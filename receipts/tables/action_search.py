"""The search of actions, as lists, pages and commands ask it: by filters and by words, a page at a time.

A page is stable: what comes meanwhile stands before its first action, and no action comes twice. It takes a bounded
time whatever the store holds (`receipts/tables/scan.py`). `journal/queries.py` reads whole actions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from receipts.action.action_result import ActionResult
from receipts.action.sentence import ActionSentence, words_of
from receipts.action.word_index import SHORTEST, beginning_token, word_token
from receipts.store.row import Read, Row, Value, blob, integer
from receipts.tables.scan import Lead, Window, end_of, looks, narrowest, scan

PAGE: Final = 50
MAX_PAGE: Final = 1_000
MAX_WORDS: Final = 6
MAX_ENDINGS: Final = 10
"""Words that the beginning of one finds."""
_SLACK: Final = 200
"""Rows by which the order of ids and the order of times may differ."""
_TAKEN: Final = 200
_COLUMNS: Final = (
    "id, contract, kind, risk, connection, state, status, agent, person, says, created_ms, updated_ms, plan_id, undoes,"
    " result"
)
_LED: Final = ("status", "agent", "person", "contract", "connection")
"""The filters that have an index of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFilter:
    """What to look for; None and an empty text match everything.

    `record` is a record's id or label, or an indexed input, whole. `words` are found in the sentence: every one of
    them, in any order and case; the last finds what begins with it, if it has three letters. `plan` gives the steps of
    a plan; `top` leaves out what belongs to one. Times are milliseconds since the epoch: from `since_ms`, before
    `until_ms`.
    """

    tenant: str
    status: str | None = None
    agent: str | None = None
    person: str | None = None
    contract: str | None = None
    connection: str | None = None
    approver: str | None = None
    record: str | None = None
    kind: str | None = None
    risk: str | None = None
    plan: str | None = None
    words: str = ""
    since_ms: int = 0
    until_ms: int = 0
    top: bool = False

    @property
    def narrows(self) -> bool:
        """Is anything asked for beside the tenant?"""
        return any(getattr(self, one.name) for one in fields(self) if one.name not in ("tenant", "top"))


@dataclass(frozen=True, slots=True)
class FoundAction:
    """One action in a list. `plan_id` is the plan that it is a step of, `undoes` the action that it takes back."""

    id: str
    contract: str
    kind: str
    risk: str
    connection: str
    state: str
    status: str
    agent: str
    person: str
    sentence: ActionSentence
    created_ms: int
    updated_ms: int
    plan_id: str | None
    undoes: str | None
    result: ActionResult


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Some actions, newest first. `older` and `newer` are where the pages beside it begin, None where there are none.

    `looked_back_to`: the page is not full, although there may be more; it looked at no action before this one.
    """

    rows: tuple[FoundAction, ...]
    older: str | None
    newer: str | None
    looked_back_to: str | None = None


def find_actions(
    read: Read, wanted: ActionFilter, *, before: str | None = None, after: str | None = None, limit: int = PAGE
) -> ActionPage:
    """The newest actions that match; those before (older than) or after (newer than) an id, nearest to it."""
    limit = max(1, min(limit, MAX_PAGE))
    ids, more, looked = _found_ids(read, wanted, Window(after, before, after is not None), limit)
    rows = tuple(_read(read, ids))
    if after is not None:
        return ActionPage(rows, ids[-1] if ids else after, ids[0] if more else looked)
    newer = None if before is None else (ids[0] if ids else before)
    return ActionPage(rows, ids[-1] if more else looked, newer, looked)


def newest_ids(read: Read, wanted: ActionFilter, limit: int) -> list[str]:
    """The ids of the newest actions that match."""
    return _found_ids(read, wanted, Window(), limit)[0]


def _found_ids(read: Read, wanted: ActionFilter, window: Window, limit: int) -> tuple[list[str], bool, str | None]:
    """Ids newest first, whether there are more, and where the look ended if it did before it found all."""
    narrower = _within_times(read, wanted, window)
    if narrower is None:
        return [], False, None
    words = _wanted_words(read, wanted)
    lead = narrowest(read, _leads(wanted, words), narrower)
    where, values = _conditions(wanted, words)
    end = "ASC" if window.oldest_first else "DESC"
    # CROSS JOIN, and a tenant that no index knows: else SQLite goes through all that an index gives for each candidate
    ids: list[str] = []
    looked: Value = None
    for most in looks(limit):
        made = scan(lead, narrower, most)
        joined = f"({made.sql}) AS c CROSS JOIN actions AS a WHERE a.id = c.k"
        sql = f"SELECT a.id FROM {joined} AND {where} ORDER BY a.id {end} LIMIT ?"
        ids = [str(row[0]) for row in read(sql, *made.values, *values, limit + 1)]
        looked = None if len(ids) > limit else end_of(read, lead, narrower, most)
        if looked is None:
            break
    more, ids = len(ids) > limit, ids[:limit]
    return ids[::-1] if window.oldest_first else ids, more, None if looked is None else str(looked)


def steps_of(read: Read, plans: Sequence[str]) -> dict[str, int]:
    """How many actions each of these plans has begun."""
    if not plans:
        return {}
    marks = ", ".join("?" for _ in plans)
    rows = read(f"SELECT plan_id, count(*) FROM actions WHERE plan_id IN ({marks}) GROUP BY plan_id", *plans)
    return {str(plan): integer(count) for plan, count in rows}


def endings(read: Read, tenant: str, beginning: str) -> list[str]:
    """The words that begin so, as they are kept; the beginning itself is the first; ten at most."""
    key = _word_key(read, tenant)
    if key is None:
        return [beginning]
    found = [word_token(key, beginning), beginning]
    if len(beginning) >= SHORTEST:
        sql = "SELECT word FROM word_beginnings WHERE tenant = ? AND beginning = ? ORDER BY word LIMIT ?"
        found += [str(word) for (word,) in read(sql, tenant, beginning_token(key, beginning), MAX_ENDINGS - 1)]
    return found


def _word_key(read: Read, tenant: str) -> bytes | None:
    rows = read("SELECT key FROM tenant_keys WHERE tenant = ?", tenant)
    return blob(rows[0][0]) if rows else None


def _forms(key: bytes | None, word: str) -> list[str]:
    """A word as it is kept, and as an earlier version kept it."""
    return [word] if key is None else [word_token(key, word), word]


def _leads(wanted: ActionFilter, words: Sequence[Sequence[str]]) -> list[Lead]:
    """Every condition that could lead."""
    tenant = wanted.tenant
    leads = [
        Lead("actions", "id", ((f"tenant = ? AND {column} = ?", (tenant, value)),))
        for column in _LED
        if (value := getattr(wanted, column))
    ]
    if wanted.plan:
        leads.append(Lead("actions", "id", (("plan_id = ?", (wanted.plan,)),)))
    if wanted.approver:
        leads.append(Lead("approvals", "action_id", (("person = ?", (wanted.approver,)),)))
    for group in words:
        parts = tuple(("tenant = ? AND word = ?", (tenant, word)) for word in group)
        leads.append(Lead("action_words", "action_id", parts))
    return leads or [Lead("actions", "id", (("tenant = ?", (tenant,)),))]


def _wanted_words(read: Read, wanted: ActionFilter) -> list[list[str]]:
    """The words that must be there, each with those that will do instead."""
    key, asked = _word_key(read, wanted.tenant), _asked(wanted.words)
    groups = [_forms(key, f"={wanted.record.lower()}")] if wanted.record else []
    groups += [_forms(key, word) for word in asked[:-1]]
    return groups + [endings(read, wanted.tenant, word) for word in asked[-1:]]


def _asked(text: str) -> list[str]:
    """The words of a search, in their order; an id or an e-mail address is one word."""
    return [max(words, key=len) for part in text.split() if (words := words_of(part))][-MAX_WORDS:]


def _conditions(wanted: ActionFilter, words: Sequence[Sequence[str]]) -> tuple[str, list[Value]]:
    """Everything that is asked of a candidate."""
    where: list[str] = ["a.tenant || '' = ?"]
    values: list[Value] = [wanted.tenant]
    for column in (*_LED, "kind", "risk"):
        if value := getattr(wanted, column):
            where.append(f"a.{column} = ?")
            values.append(value)
    if wanted.plan:
        where.append("a.plan_id = ?")
        values.append(wanted.plan)
    if wanted.top:
        where.append("a.plan_id IS NULL")
    if wanted.since_ms:
        where.append("a.created_ms >= ?")
        values.append(wanted.since_ms)
    if wanted.until_ms:
        where.append("a.created_ms < ?")
        values.append(wanted.until_ms)
    if wanted.approver:
        where.append("EXISTS (SELECT 1 FROM approvals AS p WHERE p.action_id = a.id AND p.person = ?)")
        values.append(wanted.approver)
    for group in words:
        marks = ", ".join("?" for _ in group)
        found = f"w.tenant = ? AND w.word IN ({marks}) AND w.action_id = a.id"
        where.append(f"EXISTS (SELECT 1 FROM action_words AS w WHERE {found})")
        values += [wanted.tenant, *group]
    return " AND ".join(where), values


def _within_times(read: Read, wanted: ActionFilter, window: Window) -> Window | None:
    """The window, no wider than the times need; None where nothing lies in them. An id begins with its time."""
    low, high = window.after, window.before
    if wanted.since_ms:
        sql = "SELECT id FROM actions WHERE tenant = ? AND created_ms >= ? ORDER BY created_ms LIMIT ?"
        first = read(f"SELECT min(id) FROM ({sql}) AS f", wanted.tenant, wanted.since_ms, _SLACK)[0][0]
        if first is None:
            return None
        # what is looked for begins at this id: `>` with the text before it
        low = max(str(low or ""), str(first)[:-1])
    if wanted.until_ms:
        sql = "SELECT id FROM actions WHERE tenant = ? AND created_ms < ? ORDER BY created_ms DESC LIMIT ?"
        last = read(f"SELECT max(id) FROM ({sql}) AS l", wanted.tenant, wanted.until_ms, _SLACK)[0][0]
        if last is None:
            return None
        high = min(str(high or f"{last!s}~"), f"{last!s}~")
    return replace(window, after=low, before=high)


def _read(read: Read, ids: Sequence[str]) -> list[FoundAction]:
    rows: dict[str, FoundAction] = {}
    for start in range(0, len(ids), _TAKEN):
        chunk = ids[start : start + _TAKEN]
        marks = ", ".join("?" for _ in chunk)
        found = (_found(row) for row in read(f"SELECT {_COLUMNS} FROM actions WHERE id IN ({marks})", *chunk))
        rows |= {one.id: one for one in found}
    return [rows[id_] for id_ in ids if id_ in rows]


def _found(row: Row) -> FoundAction:
    contract, says = str(row[1]), str(row[9])
    return FoundAction(
        str(row[0]),
        contract,
        str(row[2]),
        str(row[3]),
        str(row[4]),
        str(row[5]),
        str(row[6]),
        str(row[7]),
        str(row[8]),
        # a row of an earlier version has no sentence: what it is called is known
        ActionSentence.unpacked(says) if says else ActionSentence.of(contract.replace("_", " ").capitalize()),
        integer(row[10]),
        integer(row[11]),
        None if row[12] is None else str(row[12]),
        None if row[13] is None else str(row[13]),
        ActionResult.unpacked(blob(row[14])),
    )
