"""The integrity of a store's tables, whatever they say: pages of the file, nodes of the log, rows that lead nowhere."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from receipts.log.merkle import Frontier
from receipts.store.row import Read, blob, integer

_BATCH: Final = 512
_STRAY: Final = (
    (
        "the evidence at leaf {} belongs to no statement",
        "SELECT DISTINCT leaf_index FROM evidence AS e"
        " WHERE NOT EXISTS (SELECT 1 FROM statements AS s WHERE s.leaf_index = e.leaf_index)",
    ),
    (
        "the search values at leaf {} belong to no statement",
        "SELECT DISTINCT leaf_index FROM search AS w"
        " WHERE NOT EXISTS (SELECT 1 FROM statements AS s WHERE s.leaf_index = w.leaf_index)",
    ),
    (
        "an intent of `{}` names no statement",
        "SELECT DISTINCT action_id FROM intents AS i"
        " WHERE NOT EXISTS (SELECT 1 FROM statements AS s WHERE s.id = i.receipt_id)",
    ),
    (
        "the action `{}` runs without an intent",
        "SELECT id FROM actions AS a WHERE state <> 'ended' AND state = 'running' AND plan IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM intents AS i WHERE i.action_id = a.id AND i.state = 'intent')",
    ),
    (
        "the intent of `{}` is open though the action does not run",
        "SELECT DISTINCT i.action_id FROM intents AS i JOIN actions AS a ON a.id = i.action_id"
        " WHERE i.state = 'intent' AND a.state IN ('waiting', 'ready')",
    ),
    (
        "the step `{}` belongs to no plan",
        "SELECT id FROM actions AS a WHERE plan_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM actions AS p WHERE p.id = a.plan_id AND p.plan IS NOT NULL)",
    ),
    (
        "the step `{}` is open though its plan has ended",
        "SELECT a.id FROM actions AS a JOIN actions AS p ON p.id = a.plan_id"
        " WHERE a.state <> 'ended' AND p.state = 'ended'",
    ),
    (
        "an incident belongs to no action (`{}`)",
        "SELECT action_id FROM incidents AS i WHERE NOT EXISTS (SELECT 1 FROM actions AS a WHERE a.id = i.action_id)",
    ),
    (
        "a later look belongs to no action (`{}`)",
        "SELECT DISTINCT action_id FROM rechecks AS r"
        " WHERE NOT EXISTS (SELECT 1 FROM actions AS a WHERE a.id = r.action_id)",
    ),
    (
        "a use of the secret `{}` is of no secret",
        "SELECT DISTINCT handle FROM handle_uses AS u"
        " WHERE NOT EXISTS (SELECT 1 FROM handles AS h WHERE h.id = u.handle)",
    ),
)


def file_faults(read: Read) -> Iterator[str]:
    """What SQLite finds wrong with its own file: pages, indices, references."""
    for (said,) in read("PRAGMA integrity_check(100)"):
        if said != "ok":
            yield f"the file is damaged: {said!s}"
    for row in read("PRAGMA foreign_key_check"):
        yield f"a row of `{row[0]!s}` refers to a row of `{row[2]!s}` that is not there"


def head_faults(read: Read) -> Iterator[str]:
    """Does a database's row of the head say what its newest checkpoint says?"""
    ((size,),) = read("SELECT size FROM head")
    ((newest,),) = read("SELECT COALESCE(MAX(size), 0) FROM checkpoints")
    if size != newest:
        yield f"the row of the head says {size!s}, and the newest checkpoint {newest!s}"


def stray_rows(read: Read) -> Iterator[str]:
    """Rows that lead nowhere, and states that contradict each other."""
    for sentence, sql in _STRAY:
        for (name,) in sorted(read(sql), key=lambda row: str(row[0])):
            yield sentence.format(name)


def node_faults(read: Read) -> Iterator[str]:
    """Every inner node of the log against the nodes below it: the proofs are made from them."""
    frontier, count = Frontier(0, []), 0
    sql = "SELECT idx, hash FROM nodes WHERE level = 0 AND idx >= ? ORDER BY idx LIMIT ?"
    while rows := read(sql, frontier.size, _BATCH):
        made: dict[int, dict[int, bytes]] = defaultdict(dict)
        for index, leaf in rows:
            if index != frontier.size:
                yield f"the nodes cannot be computed beyond leaf {frontier.size}: its hash is missing"
                return
            for level, place, hashed in frontier.append(blob(leaf)):
                made[level][place] = hashed
        for level, places in made.items():
            count += len(places)
            yield from _level(read, level, places)
    ((stored,),) = read("SELECT count(*) FROM nodes")
    if integer(stored) > count:
        yield f"{integer(stored) - count} nodes stand beyond the log"


def _level(read: Read, level: int, places: dict[int, bytes]) -> Iterator[str]:
    sql = "SELECT idx, hash FROM nodes WHERE level = ? AND idx BETWEEN ? AND ?"
    stored = {integer(index): blob(hashed) for index, hashed in read(sql, level, min(places), max(places))}
    for place, hashed in places.items():
        if place not in stored:
            yield f"the node {place} of level {level} is missing"
        elif stored[place] != hashed:
            yield f"the node {place} of level {level} is not what the nodes below it give"
