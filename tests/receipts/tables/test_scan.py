"""A scan of one table: the keys that a plain query gives, whatever leads, from either end, between two keys."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from receipts.store.row import Row, Value
from receipts.tables.scan import MOST, Lead, Window, distinct, end_of, looks, narrowest, scan

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=20)
BOUND = st.one_of(st.none(), st.integers(0, 21))


class Table:
    """A table in memory, read as a store is."""

    def __init__(self, rows: list[tuple[str, str]]) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE things (k INTEGER PRIMARY KEY, tenant TEXT, kind TEXT)")
        self.connection.executemany("INSERT INTO things (tenant, kind) VALUES (?, ?)", rows)

    def read(self, sql: str, *values: Value) -> list[Row]:
        return self.connection.execute(sql, values).fetchall()


def lead(*kinds: str) -> Lead:
    return Lead("things", "k", tuple(("kind = ?", (kind,)) for kind in kinds))


@given(ROWS, BOUND, BOUND, st.booleans(), st.integers(1, 25), st.sampled_from([("x",), ("y", "x"), ("y", "y")]))
def test_a_scan_gives_the_next_keys_in_order(
    rows: list[tuple[str, str]], after: int | None, before: int | None, oldest: bool, most: int, kinds: tuple[str, ...]
) -> None:
    table, window = Table(rows), Window(after, before, oldest)
    made = scan(lead(*kinds), window, most)
    keys = [number for number, row in enumerate(rows, 1) if row[1] in kinds]
    wanted = [k for k in keys if (after is None or k > after) and (before is None or k < before)]
    wanted = (wanted if oldest else wanted[::-1])[:most]
    assert [row[0] for row in table.read(made.sql, *made.values)] == wanted
    # behind the end nothing was looked at; there is none where the scan gave all that there is
    assert end_of(table.read, lead(*kinds), window, most) == (wanted[-1] if len(wanted) == most else None)


@given(ROWS)
def test_the_condition_that_fewest_rows_meet_leads(rows: list[tuple[str, str]]) -> None:
    count = {kind: sum(row[1] == kind for row in rows) for kind in "xy"}
    found = narrowest(Table(rows).read, [lead("x"), lead("y")], Window())
    assert found == (lead("x") if count["x"] <= count["y"] else lead("y"))


@given(ROWS, st.integers(1, 3))
def test_the_values_of_a_column_are_those_of_its_tenant_in_order(rows: list[tuple[str, str]], most: int) -> None:
    wanted = sorted({kind for tenant, kind in rows if tenant == "a"})
    assert distinct(Table(rows).read, "things", "kind", "a", most) == wanted[:most]


def test_a_page_looks_at_few_rows_first_and_never_at_more_than_it_may() -> None:
    assert looks(50) == (200, MOST)
    assert looks(MOST) == (MOST,)
