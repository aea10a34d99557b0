"""What stands on every page, and what a request asks, looks at what is open: never at each action of a tenant.

`python -m tests.benchmarks.large_log` has the times; here is what SQLite would do, which no machine is too slow for.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

from receipts.audit.denials import denied
from receipts.audit.query import Query, find
from receipts.store.row import Row, Value
from receipts.store.sqlite_schema import prepared
from receipts.store.store import Store
from receipts.tables import escalations, intents, inventory, marks, notices, overview

EACH_ACTION = re.compile(r"^(SCAN|SEARCH) (a|actions) .*INDEX actions_(at|listed) \(tenant=\?\)$|^SCAN (a|actions|s)\b")


class Explained:
    """A store that keeps how each query would be answered."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.plans: dict[str, list[str]] = {}

    def query(self, sql: str, *params: Value) -> list[Row]:
        explained = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
        self.plans[sql] = [str(row[3]) for row in explained]
        return self._connection.execute(sql, params).fetchall()

    async def read(self, sql: str, *params: Value) -> list[Row]:
        return self.query(sql, *params)

    def of_each_action(self) -> list[str]:
        return [sql for sql, plan in self.plans.items() if any(EACH_ACTION.search(line) for line in plan)]


async def test_no_page_looks_at_each_action(tmp_path: Path) -> None:
    with closing(prepared(tmp_path / "store.db")) as connection:
        explained = Explained(connection)
        store = cast(Store, explained)
        await marks.of_inbox(store, "acme")
        await inventory.waiting_count(store, "acme")
        await inventory.waiting_times(store)
        await intents.per_connection(store, "acme")
        await intents.of_tenant(store, "acme")
        await notices.failed(store, "acme")
        await escalations.unacknowledged(store, "acme")
        for work in (
            lambda read: overview.outcomes(read, "acme", 0, 1000),
            lambda read: overview.sent(read, "acme", 0),
            lambda read: denied(read, 0, "acme"),
            lambda read: inventory.last_calls(read, "acme"),
        ):
            work(explained.query)
        assert len(explained.plans) >= 11
        assert explained.of_each_action() == []
        # what would look at each is noticed
        explained.query("SELECT count(*) FROM actions WHERE state = 'waiting' AND tenant = ?", "acme")
        assert len(explained.of_each_action()) == 1


async def test_a_value_is_found_by_its_pseudonyms_and_not_by_a_look_at_each_statement(tmp_path: Path) -> None:
    with closing(prepared(tmp_path / "store.db")) as connection:
        explained = Explained(connection)
        find(explained.query, Query(tenant="acme", matches=["a", "b"]))
        (plan,) = explained.plans.values()
        assert any(line.startswith("SEARCH s USING INTEGER PRIMARY KEY") for line in plan), plan
        assert any(line.startswith("SEARCH search USING PRIMARY KEY") for line in plan), plan


def test_what_is_open_is_read_by_the_index_of_what_is_open() -> None:
    """SQLite takes an index of a part only for a query that says the part in the index's words."""
    texts = [path.read_text() for path in (Path(__file__).parents[3] / "receipts").rglob("*.py")]
    reads = [one for text in texts for one in re.findall(r"\bFROM actions[^;\"]*state = '(?:waiting|running)'", text)]
    assert len(reads) >= 6
    assert [one for one in reads if "state <> 'ended'" not in one] == []
