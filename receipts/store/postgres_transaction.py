"""A transaction of the writer on PostgreSQL: statements wait, and assumptions are checked, until a flush sends them."""

from collections.abc import Sequence

from receipts.log.signing import Signer
from receipts.store.batch import Batch
from receipts.store.connection import DatabaseSession
from receipts.store.data_keys import DataKeys
from receipts.store.row import Row, Value
from receipts.store.transaction import Txn


class Otherwise(Exception):
    """Something is not as an entry was told."""


class PostgresTxn(Txn):
    """The transaction of one group. What may wait for the group's end does, unless each entry stands for itself."""

    def __init__(
        self,
        session: DatabaseSession,
        signer: Signer,
        size: int,
        now_ms: int,
        clock_ok: bool,
        careful: bool,
        keys: DataKeys | None = None,
    ) -> None:
        super().__init__(signer, size, now_ms, clock_ok, keys)
        self._session = session
        self._careful = careful
        self._batch = Batch()

    def write_deferred(self, sql: str, *params: Value) -> None:
        """One guarded statement that changes one row, of the entry's own action."""
        if self._careful:
            self.write(sql, *params)
        else:
            self._batch.change(sql, params)

    def assume(self, usual: Row, sql: str, *params: Value) -> Row:
        """The one row of integers that a query gives; or `usual`, for as long as it is not asked yet."""
        if self._careful:
            return super().assume(usual, sql, *params)
        self._batch.assume(sql, params, usual)
        return usual

    def write_many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for each of several rows; how many it changed is not asked."""
        if rows:
            self._batch.add(sql, rows)

    def query(self, sql: str, *params: Value) -> list[Row]:
        """Rows as this transaction sees them."""
        self._flush_for(sql)
        return self._session.query(sql, *params)

    def flush(self, end: "tuple[str, Row] | None" = None) -> None:
        """Do what waits, in one statement."""
        if self._batch or end:
            whole = self._batch.drain(self._session.types, end)
            if not whole.holds(self._session.query(whole.sql, *whole.values)):
                raise Otherwise  # guard: what waited is as told

    def forget(self) -> None:
        """Drop what waits: the entry that asked for it failed."""
        self._batch = Batch()

    def _flush_for(self, sql: str) -> None:
        # what waits is only for tables that this statement does not touch
        if self._batch.touches(sql):  # guard: what waits is flushed first
            self.flush()

    def _count(self, sql: str, params: Sequence[Value]) -> int:
        self._flush_for(sql)
        return int(self._session.execute(sql, params).rpartition(" ")[2])
