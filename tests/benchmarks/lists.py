"""`uv run python -m tests.benchmarks.lists [--receipts N] [--store postgres]`: lists and searches in a large store.

A store is filled with N receipts (1,000,000) of N/2 actions, by plain rows: nothing of it is signed. Printed is how long
each page takes that a list shows, in milliseconds and as a ratio to the first page without a filter.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from contracts.canonical import pseudonym
from receipts.action.action_form import pack_caller, pack_request
from receipts.action.sentence import ActionSentence
from receipts.store.connection import DatabaseSession
from receipts.store.postgres_schema import create
from receipts.store.row import Read, Row
from receipts.store.sqlite_file import reader
from receipts.store.sqlite_schema import prepared
from receipts.store.transaction import SEARCH
from receipts.tables import overview
from receipts.tables.action_search import ActionFilter, find_actions
from receipts.tables.receipt_search import ReceiptFilter, find_receipts
from tests.receipts.making import CALLER, request, told

BEGUN_MS = 1_780_000_000_000
EVERY_MS = 20_000
"""An action every 20 s, so that half a million of them take four months."""
NEWEST = 30_000
"""Statements that a page might open one by one; those before are empty, which makes a smaller file."""
ROUNDS = 7
VERBS = ("Remove 2 MFA factors of", "Unlock", "Suspend", "Reset the password of", "Add to the group staff:")
STATUSES = (("confirmed", 9_000), ("denied", 700), ("not_applied", 250), ("refused", 49), ("unknown", 1))
ACTIONS = (
    "INSERT INTO actions (id, tenant, agent, person, contract, state, status, release, request, caller, result,"
    " created_ms, updated_ms, connection, kind, risk, says) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
STATEMENTS = (
    "INSERT INTO statements (leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms, envelope)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
KEY = b"k" * 32
WORDS = "INSERT INTO action_words (tenant, word, action_id) VALUES (?, ?, ?)"
Batch = tuple[list[Row], list[Row], list[Row], list[Row]]


@dataclass(frozen=True, slots=True)
class Past:
    """When the first action was, the place of its first statement, under which key people are known, what decided."""

    begun_ms: int = BEGUN_MS
    leaf: int = 0
    key: bytes = KEY
    envelopes: Mapping[str, bytes] = field(default_factory=dict)
    """An envelope by its status, where pages open those of the newest."""

    def envelope(self, status: str) -> bytes:
        """What one statement holds."""
        return self.envelopes.get(status) or self.envelopes.get("confirmed", b"{}")


def batches(receipts: int, size: int = 5_000, past: Past = Past()) -> Iterator[Batch]:
    """Rows of actions, statements and words, so many actions at a time."""
    dice = random.Random(7)
    packed = pack_request(request()), pack_caller(CALLER), orjson.dumps(told("confirmed").document())
    names, weights = zip(*STATUSES, strict=True)
    done: Batch = ([], [], [], [])
    for number in range(receipts // 2):
        at, id_ = past.begun_ms + number * EVERY_MS, f"act_{number:026}"
        agent = "rare-bot" if number % 100_000 == 7 else f"bot-{dice.randrange(5)}"
        user = f"user{dice.randrange(20_000)}"
        verb = dice.randrange(len(VERBS))
        said = ActionSentence.of(f"{VERBS[verb]} {user}@example.com")
        contract, status = f"contract_{verb}", dice.choices(names, weights)[0]
        person, risk = f"person{dice.randrange(50)}", "high" if verb == 0 else "low"
        told_of = (id_, "acme", agent, person, contract, "ended", status, "r")
        done[0].append((*told_of, *packed, at, at, "okta", "write", risk, said.packed))
        ends = "decision" if status == "denied" else "outcome"
        begins = ("decision", "approved") if risk == "high" else ("intent", "running")
        for place, (kind, then) in enumerate((begins, (ends, status))):
            leaf, told_as = past.leaf + 2 * number + place, f"rcp_{2 * number + place:026}"
            envelope = past.envelope(then) if 2 * number > receipts - NEWEST else b"{}"
            done[1].append((leaf, told_as, kind, id_, "acme", agent, contract, then, 1, at, envelope))
            done[3].append((pseudonym(past.key, "person", person), leaf))
        done[2].extend(("acme", word, id_) for word in sorted(said.words | {f"={user}@example.com"}))
        if len(done[0]) == size:
            yield done
            done = ([], [], [], [])
    yield done


PAGES: dict[str, Callable[[Read], object]] = {}


def page(name: str, **asked: object) -> None:
    """A page of actions that a list shows."""
    wanted = replace(ActionFilter(tenant="acme"), **asked)  # type: ignore[arg-type]  # values by name
    PAGES[f"actions {name}"] = lambda read: find_actions(read, wanted)


def receipts_page(name: str, **asked: object) -> None:
    """A page of receipts that a list shows."""
    wanted = replace(ReceiptFilter(tenant="acme"), **asked)  # type: ignore[arg-type]  # values by name
    PAGES[f"receipts {name}"] = lambda read: find_receipts(read, wanted)


for of in (page, receipts_page):
    of("newest")
    of("of one status", status="denied")
    of("of a rare status", status="unknown")
    of("of a rare agent", agent="rare-bot")
    of("of a person", person="person7")
    of("of an agent, rare status", agent="bot-1", status="unknown")
    of("of a day", since_ms=BEGUN_MS + 86_400_000, until_ms=BEGUN_MS + 2 * 86_400_000)
    of("to one record", record="user77@example.com")
    of("by a common word", words="unlock")
    of("by a rare word", words="user77@example.com")
    of("by two words", words="remove user77")
    of("by a beginning", words="user7")
    of("of one risk", risk="high")
    of("of what there is not", words="nobody")
receipts_page("of reads alone", action_kind="read")
SINCE_MS = BEGUN_MS + 7 * 86_400_000
PAGES["home outcomes"] = lambda read: overview.outcomes(read, "acme", SINCE_MS, 6 * 3_600_000)
PAGES["home lead times"] = lambda read: overview.lead_times(read, "acme", SINCE_MS)
PAGES["home denials"] = lambda read: overview.denials_by_rule(read, "acme", SINCE_MS)
PAGES["home begin"] = lambda read: overview.oldest_counted(read, "acme", SINCE_MS)
PAGES["home sent"] = lambda read: overview.sent(read, "acme", SINCE_MS)
PAGES["actions deep"] = lambda read: find_actions(read, ActionFilter(tenant="acme"), before=f"act_{1000:026}")


def fill_file(path: Path, receipts: int) -> None:
    """A store in a file."""
    with closing(prepared(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("INSERT INTO tenant_keys VALUES ('acme', ?)", (KEY,))
        fill(connection, batches(receipts))


def fill(connection: sqlite3.Connection, rows: Iterator[Batch]) -> None:
    """Rows into the tables of a file."""
    for actions, statements, words, people in rows:
        connection.execute("BEGIN")
        connection.executemany(ACTIONS, actions)
        connection.executemany(STATEMENTS, statements)
        connection.executemany(WORDS, words)
        connection.executemany(SEARCH, people)
        connection.execute("COMMIT")


def fill_database(session: DatabaseSession, receipts: int) -> None:
    """A store in a database."""
    create(session)
    session.query("INSERT INTO tenant_keys VALUES ('acme', ?) RETURNING 1", KEY)
    for actions, statements, words, people in batches(receipts):
        session.execute("BEGIN")
        session.write_many(ACTIONS, actions)
        session.write_many(STATEMENTS, statements)
        session.write_many(WORDS, words)
        session.write_many(SEARCH, people)
        session.execute("COMMIT", seconds=600.0)
    session.execute("ANALYZE", seconds=600.0)


def measure(read: Read) -> None:
    """Each page some times; its median, its slowest, and the ratio to the first."""
    first = 0.0
    for name, ask in PAGES.items():
        times = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            ask(read)
            times.append((time.perf_counter() - begun) * 1000)
        middle = statistics.median(times)
        first = first or middle
        print(f"{name:40} {middle:8.1f} ms, slowest {max(times):8.1f} ms, {middle / first:6.1f} x", flush=True)


def main() -> None:
    """Fill and measure one store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["file", "postgres"], default="file")
    parser.add_argument("--at", type=Path, help="a file that was filled before, or that is kept")
    chosen = parser.parse_args()
    if chosen.store == "postgres":
        from tests.postgres import serving

        with serving() as server, closing(DatabaseSession(server.database("lists"))) as session:
            session.open()
            fill_database(session, chosen.receipts)
            measure(session.query)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.at or Path(folder) / "store.db"
        if not path.exists():
            fill_file(path, chosen.receipts)
        with closing(sqlite3.connect(path)) as connection:
            measure(reader(connection))


if __name__ == "__main__":
    main()
