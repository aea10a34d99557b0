"""Data keys: what is personal is kept sealed with AES-256-GCM (NIST SP 800-38D), under one key for each action.

A data key is kept wrapped by the key of its tenant, and that one wrapped by a key which is derived from the store's
secrets and never in the database. To delete a data key is to erase whatever it sealed, wherever a copy of that lies.
`Txn.seal` seals what is written; `Store.read`, `Store.read_aside` and `reading` open what is read.
"""

import functools
import itertools
import re
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from receipts.store.row import Read, Row, Value, blob, integer
from receipts.store.sealed_value import DataKey, key_of, opened_row, unwrap, wrap

_KEPT: Final = 8_192
_CHUNK: Final = 64
_SEALED_TABLES: Final = re.compile(r"\b(?:evidence|actions|intents|approvals)\b")
BY_ID: Final = f"SELECT id, tenant, wrapped FROM data_keys WHERE id IN ({', '.join('?' * _CHUNK)})"
BY_ACTION: Final = "SELECT id, wrapped FROM data_keys WHERE action_id = ?"
BY_TENANT: Final = "SELECT wrapped FROM wrapping_keys WHERE tenant = ?"
Query = tuple[str, tuple[Value, ...]]
Opening = Generator[Query, list[Row], list[Row]]
Master = Callable[[], bytes | None]
"""Gives the key that wraps the tenants' keys; None where it is not at hand."""


class DataKeys:
    """The data keys of one store that were used lately, and what opens the others. From any thread."""

    def __init__(self, master: Master) -> None:
        self._master = functools.cache(master)
        self._tenants: dict[str, AESGCM] = {}
        self._keys: dict[int, DataKey] = {}
        self._actions: dict[str, DataKey] = {}
        self.word_keys: dict[str, bytes] = {}
        self.words: set[tuple[str, str]] = set()
        """Words, by tenant, whose beginnings are kept already."""

    def of_action(self, action_id: str) -> DataKey | None:
        """The key of an action, if it is remembered."""
        return self._actions.get(action_id)

    def of_tenant(self, tenant: str) -> AESGCM | None:
        """The key of a tenant, if it is remembered."""
        return self._tenants.get(tenant)

    def unwrapped(self, tenant: str, wrapped: bytes) -> bytes | None:
        """The key of a tenant; None where another key wrapped it, or the key that did is not at hand."""
        master = self._master()
        return None if master is None else unwrap(AESGCM(master), wrapped, tenant)

    def wrapped(self, tenant: str, key: bytes) -> bytes | None:
        """A tenant's key as it is kept."""
        master = self._master()
        return None if master is None else wrap(AESGCM(master), key, tenant)

    def keep(self, actions: dict[str, DataKey], tenants: dict[str, AESGCM]) -> None:
        """Remember what a commit made or read. INVARIANT: never a key whose row was not committed."""
        if len(self._actions) > _KEPT:
            self._actions = dict(itertools.islice(self._actions.items(), _KEPT // 2, None))
        self._actions |= actions
        self._tenants |= tenants

    def keep_words(self, keys: dict[str, bytes], words: set[tuple[str, str]]) -> None:
        """Remember what a commit read and made of words."""
        self.word_keys |= keys
        self.words = words if len(self.words) > _KEPT else self.words | words if words else self.words

    def forget(self, action_ids: Iterable[str]) -> None:
        """Forget the keys of these actions."""
        for id_ in action_ids:
            self._actions.pop(id_, None)
        self._keys = {}

    def opened(self, rows: Sequence[Row]) -> "Opening":
        """Rows with what is sealed in them opened; what has no key, or was changed, stays sealed.

        It yields queries, whose rows are sent to it: so the same steps serve a thread and a loop.
        """
        wanted = {id_ for row in rows for value in row if (id_ := key_of(value)) is not None}
        keys = {id_: self._keys[id_] for id_ in wanted & self._keys.keys()}
        missing = sorted(wanted - keys.keys())
        fresh: dict[int, DataKey] = {}
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            # the last is repeated, so that such queries are few, and are planned once
            found = yield BY_ID, (*chunk, *chunk[-1:] * (_CHUNK - len(chunk)))
            for number, tenant, wrapped in found:
                by = yield from self._by(str(tenant))
                data = None if by is None else unwrap(by, blob(wrapped), str(number))
                if data is not None:
                    fresh[integer(number)] = DataKey(integer(number), AESGCM(data))
        if len(self._keys) > _KEPT:
            self._keys = {}
        self._keys |= fresh
        keys |= fresh
        return [opened_row(row, keys) for row in rows] if keys else list(rows)

    def _by(self, tenant: str) -> "Generator[Query, list[Row], AESGCM | None]":
        by = self._tenants.get(tenant)
        if by is None:
            rows = yield BY_TENANT, (tenant,)
            key = self.unwrapped(tenant, blob(rows[0][0])) if rows else None
            if key is not None:
                by = self._tenants[tenant] = AESGCM(key)
        return by


def opened(keys: DataKeys, rows: Sequence[Row], read: Read) -> list[Row]:
    """Rows with what is sealed in them opened, by reading in this thread."""
    steps = keys.opened(rows)
    try:
        sql, values = next(steps)
        while True:
            sql, values = steps.send(read(sql, *values))
    except StopIteration as end:
        found: list[Row] = end.value
        return found


async def opened_later(keys: DataKeys, rows: Sequence[Row], read: Callable[..., Awaitable[list[Row]]]) -> list[Row]:
    """The same on a loop."""
    steps = keys.opened(rows)
    try:
        sql, values = next(steps)
        while True:
            sql, values = steps.send(await read(sql, *values))
    except StopIteration as end:
        found: list[Row] = end.value
        return found


def opening(read: Read, keys: DataKeys, store: Read | None = None) -> Read:
    """The same reading, with what is sealed opened; of an archive by the keys that the store has."""

    def both(sql: str, *values: Value) -> list[Row]:
        rows = read(sql, *values)
        return opened(keys, rows, store or read) if may_be_sealed(sql) else rows

    return both


@functools.lru_cache(2_048)
def may_be_sealed(sql: str) -> bool:
    """Does a query name a table with sealed columns?"""
    return _SEALED_TABLES.search(sql) is not None
