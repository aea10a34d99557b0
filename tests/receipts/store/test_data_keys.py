"""Sealed values: opened by their key alone, with the salt of a commitment, and left as they are by anybody else."""

import asyncio
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.canonical import new_salt
from receipts.store.data_keys import DataKeys, may_be_sealed, opened, opened_later, opening
from receipts.store.row import Row, Value
from receipts.store.sealed_value import DataKey, is_sealed, new_key_id, overhead_of, text_of, wrap

MASTER = bytes(range(32))
TENANT = os.urandom(32)


class Kept:
    """The rows of keys that a store has, and how often they were asked for."""

    def __init__(self) -> None:
        self.ids: dict[int, bytes] = {}
        self.asked = 0

    def key(self) -> DataKey:
        id_, data = new_key_id(), os.urandom(32)
        self.ids[id_] = wrap(AESGCM(TENANT), data, str(id_))
        return DataKey(id_, AESGCM(data))

    def read(self, sql: str, *values: Value) -> list[Row]:
        self.asked += 1
        if "wrapping_keys" in sql:
            return [(wrap(AESGCM(MASTER), TENANT, "acme"),)]
        return [
            (id_, "acme", self.ids[id_]) for id_ in sorted({v for v in values if isinstance(v, int)} & self.ids.keys())
        ]

    async def later(self, sql: str, *values: Value) -> list[Row]:
        return self.read(sql, *values)


def test_a_row_is_opened_by_the_keys_of_its_values() -> None:
    kept, keys, salt = Kept(), DataKeys(lambda: MASTER), new_salt()
    one, other = kept.key(), kept.key()
    rows: list[Row] = [
        (1, "params", b"", one.sealed(b"{}", salt)),
        (2, text_of(other.sealed("né".encode())), None, b"plain"),
        (3, "sealed:no", b"\0aeD", b"\0aeD" + bytes(8)),
    ]
    whole: list[Row] = [(1, "params", salt, b"{}"), (2, "né", None, b"plain"), rows[2]]
    assert opened(keys, rows, kept.read) == whole
    asked = kept.asked
    assert opened(keys, rows, kept.read) == whole
    assert kept.asked == asked  # they are remembered
    assert asyncio.run(opened_later(DataKeys(lambda: MASTER), rows, kept.later)) == whole
    assert overhead_of(one.sealed(b"", salt)[:4]) == len(one.sealed(b"", salt))
    assert overhead_of(b"{}") == 0


def test_what_has_no_key_or_was_changed_stays_sealed() -> None:
    kept, key = Kept(), Kept().key()
    there = kept.key()
    changed = bytearray(there.sealed(b"x", new_salt()))
    changed[-1] ^= 1
    rows: list[Row] = [(b"", key.sealed(b"gone")), (b"", bytes(changed)), (text_of(key.sealed(b"gone")), 1)]
    assert opened(DataKeys(lambda: MASTER), rows, kept.read) == rows
    assert [is_sealed(value) for value in (rows[0][1], rows[1][1], rows[2][0], b"x", "x", None)] == [True] * 3 + [
        False
    ] * 3
    # with another key of the store's, or with none at hand
    kept_row: list[Row] = [(b"", there.sealed(b"x", new_salt()))]
    for master in (bytes(32), None):
        assert opened(DataKeys(lambda m=master: m), kept_row, kept.read) == kept_row  # type: ignore[misc]


def test_only_rows_of_sealed_tables_are_looked_at() -> None:
    kept, keys = Kept(), DataKeys(lambda: MASTER)
    sealed = kept.key().sealed(b"x")
    both = opening(lambda sql, *values: [(sealed,)] if "keys" not in sql else kept.read(sql, *values), keys)
    assert both("SELECT data FROM evidence") == [(b"x",)]
    assert both("SELECT hash FROM nodes") == [(sealed,)]
    assert not may_be_sealed("SELECT 1 FROM archive_actions")
