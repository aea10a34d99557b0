"""A transaction of the writer on SQLite: every statement runs at once, on the writer's own connection."""

import sqlite3
from collections.abc import Sequence

from receipts.log.signing import Signer
from receipts.store.data_keys import DataKeys
from receipts.store.row import Row, Value
from receipts.store.transaction import Txn


class SqliteTxn(Txn):
    """A transaction of the writer's connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        signer: Signer,
        size: int,
        now_ms: int,
        clock_ok: bool,
        keys: DataKeys | None = None,
    ) -> None:
        super().__init__(signer, size, now_ms, clock_ok, keys)
        self._connection = connection

    def write_many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for each of several rows; how many it changed is not asked."""
        if rows:
            self._connection.executemany(sql, rows)

    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""
        return self._connection.execute(sql, params).fetchall()

    def _count(self, sql: str, params: Sequence[Value]) -> int:
        return self._connection.execute(sql, params).rowcount
