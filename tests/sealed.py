"""Reading of a store's file in the tests, with what is sealed in it opened by the key beside it."""

import sqlite3
from pathlib import Path

from receipts.journal.secret_vault import DATA_KEYS, derived_key
from receipts.store.data_keys import DataKeys, opening
from receipts.store.row import Read
from receipts.store.sqlite_file import reader


def opened(read: Read, secrets: Path) -> Read:
    """The same reading by the key in this file."""
    return opening(read, DataKeys(lambda: derived_key(secrets.read_bytes(), DATA_KEYS)))


def opened_reader(connection: sqlite3.Connection, store: Path) -> Read:
    """Reading by a connection, with the key beside the store."""
    return opened(reader(connection), store.with_suffix(".secrets"))
