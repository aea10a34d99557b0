"""A store file as it is opened by whoever accepts what was lost."""

from receipts.store.acceptance import StoreAcceptance
from receipts.store.sqlite import SqliteStore


class SqliteAcceptance(StoreAcceptance, SqliteStore):
    """A file; the next commit writes its head file anew."""
