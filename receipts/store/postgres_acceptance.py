"""A database as it is opened by whoever accepts what was lost."""

from receipts.store.acceptance import StoreAcceptance
from receipts.store.postgres import PostgresStore


class PostgresAcceptance(StoreAcceptance, PostgresStore):
    """A database, whichever it was that the head file remembers."""

    def _replace_head(self) -> None:
        self._head.replace(self._session.query)
