"""Secrets as handles: what an agent passes on is a name; the value goes from one target to another and nowhere else.

A value is sealed with AES-256-GCM (NIST SP 800-38D): 12 random bytes of nonce, then the ciphertext with its tag; the
additional data is the handle's id, so that a sealed value cannot be moved to another row.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.action.request import ActionRequest
from contracts.canonical import new_id
from contracts.errors import AilyusError
from receipts.store.row import blob
from receipts.store.store import Store
from receipts.store.transaction import Conflict, Txn

LIFETIME_MS = 900_000
"""How long a handle can be used."""
_NONCE = 12
KEY_BYTES = 32
MARK: Final = "SELECT value FROM meta WHERE key = 'handles'"
"""Which key seals the secrets of this store (`SecretVault.mark`)."""
DATA_KEYS: Final = b"ailyus data keys"
"""The purpose of the key that wraps the tenants' keys (`receipts/store/data_keys.py`)."""
SET_MARK: Final = "INSERT INTO meta VALUES ('handles', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class HandleOwner(Protocol):
    """Whom a handle is bound to, for example by a request."""

    @property
    def tenant(self) -> str:
        """The organisation."""
        ...

    @property
    def person(self) -> str:
        """The person whom an agent acts for."""
        ...


class SecretVault:
    """The sealed values of one store. The key, or the file (mode 0600) that holds it, is never in the database."""

    def __init__(self, store: Store, key: Path | bytes) -> None:
        self._store = store
        self._key = key = checked_key(key) if isinstance(key, bytes) else _key(key)
        self._cipher = AESGCM(key)
        self.mark = mark_of(key)
        """Names the key in the store; nobody finds the key by it."""

    @property
    def keyid(self) -> str:
        """The id by which people and statements name the key."""
        return self.mark[:32]

    def derived(self, purpose: bytes) -> bytes:
        """A key for another purpose, the same at every replica (one block of HKDF, RFC 5869)."""
        return derived_key(self._key, purpose)

    async def check(self, *, sets: bool = True) -> None:
        """Raise unless the store's secrets are sealed with this key; it `sets` which one, where nothing says so yet."""

        def work(txn: Txn) -> str:
            if not txn.query(MARK):
                txn.write(SET_MARK, self.mark)
            return str(txn.query(MARK)[0][0])

        rows = await self._store.read(MARK)
        marked = str(rows[0][0]) if rows else await self._store.write(work) if sets else self.mark
        if marked != self.mark:
            hint = "give every replica the same `[store] secrets` and `[log] key`; after a restore, those of the backup"
            raise AilyusError("bad_settings", "secrets of this store are sealed with another key", hint=hint)

    def seal(
        self,
        owner: "HandleOwner",
        plan_id: str | None,
        made_by: str,
        values: Mapping[str, tuple[str, Sequence[str]]],
        now_ms: int,
    ) -> "tuple[dict[str, str], NewHandles]":
        """Handles of one person for values (output → value and its destinations): ids by output, and rows to commit."""
        ids: dict[str, str] = {}
        rows: list[tuple[str, str, bytes]] = []
        for output, (value, destinations) in values.items():
            handle = new_id("sec")
            rows.append((handle, orjson.dumps(list(destinations)).decode(), self.sealed(handle, value)))
            ids[output] = handle
        return ids, NewHandles(owner, plan_id, made_by, tuple(rows), now_ms + LIFETIME_MS)

    async def open(self, handle: str, destination: str, action_id: str) -> str | None:
        """The value, only for the action whose committed intent used this handle for this destination."""
        rows = await self._store.read(
            "SELECT h.sealed FROM handles AS h JOIN handle_uses AS u ON u.handle = h.id"
            " WHERE h.id = ? AND u.destination = ? AND u.action_id = ? AND h.sealed IS NOT NULL",
            handle,
            destination,
            action_id,
        )
        if not rows:
            return None
        value = self.opened(handle, blob(rows[0][0]))
        if value is None:
            raise AilyusError("store_corrupt", "a sealed secret does not open")
        return value

    def sealed(self, handle: str, value: str) -> bytes:
        """A value as it is kept under its handle."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value.encode(), handle.encode())

    def opened(self, handle: str, sealed: bytes) -> str | None:
        """The value; None where it was sealed for another handle or with another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], handle.encode()).decode()
        except (InvalidTag, ValueError):
            return None

    async def forget_expired(self) -> None:
        """Drop the values that nobody may use any more."""
        due = "sealed IS NOT NULL AND expires_ms <= ?"
        now = self._store.now_ms()
        if await self._store.read(f"SELECT 1 FROM handles WHERE {due} LIMIT 1", now):
            await self._store.write(
                lambda txn: txn.write(f"UPDATE handles SET sealed = NULL WHERE {due}", now, rows=None)
            )


class NewHandles:
    """Handles whose rows are written in the commit of the outcome that made them."""

    def __init__(
        self,
        owner: "HandleOwner",
        plan_id: str | None,
        made_by: str,
        rows: tuple[tuple[str, str, bytes], ...],
        expires_ms: int,
    ) -> None:
        self._owner = owner
        self._plan_id = plan_id
        self._made_by = made_by
        self._rows = rows
        self._expires_ms = expires_ms

    def insert(self, txn: Txn) -> None:
        """Write the rows."""
        owner = self._owner
        txn.write_many(
            "INSERT INTO handles VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (handle, owner.tenant, owner.person, self._plan_id, self._made_by, to, sealed, self._expires_ms)
                for handle, to, sealed in self._rows
            ],
        )


def consume(
    txn: Txn, request: ActionRequest, plan_id: str | None, action_id: str, uses: Iterable[tuple[str, str]]
) -> None:
    """Inside the intent's commit: use handles up, once per destination, for the person and plan they are bound to."""
    for handle, destination in uses:
        rows = txn.query(
            "SELECT destinations FROM handles WHERE id = ? AND tenant = ? AND person = ?"
            " AND (plan_id IS NULL OR plan_id = ?) AND sealed IS NOT NULL AND expires_ms > ?",
            handle,
            request.tenant,
            request.person,
            plan_id,
            txn.now_ms,
        )
        # INVARIANT: a secret reaches only the fields that its contract declares, once each.
        if not rows or destination not in orjson.loads(str(rows[0][0])):  # guard: destinations of a secret
            raise _refused()
        try:
            txn.write(
                "INSERT INTO handle_uses VALUES (?, ?, ?) ON CONFLICT (handle, destination) DO UPDATE"
                " SET action_id = excluded.action_id WHERE handle_uses.action_id = excluded.action_id",
                handle,
                destination,
                action_id,
            )
        except Conflict:
            raise _refused() from None


def restore(txn: Txn, action_id: str) -> None:
    """Inside an outcome's commit: nothing changed at the destination, so its handles may be used for it once more."""
    txn.write("DELETE FROM handle_uses WHERE action_id = ?", action_id, rows=None)


def delete_spent(txn: Txn, action_id: str) -> None:
    """Inside an outcome's commit: a value whose every destination has its use is dropped."""
    txn.write(
        "UPDATE handles SET sealed = NULL WHERE id IN (SELECT handle FROM handle_uses WHERE action_id = ?)"
        " AND (SELECT count(*) FROM handle_uses AS u JOIN actions AS a ON a.id = u.action_id"
        "      WHERE u.handle = handles.id AND a.state = 'ended') >= json_array_length(destinations)",
        action_id,
        rows=None,
    )


def derived_key(key: bytes, purpose: bytes) -> bytes:
    """A key for another purpose (one block of HKDF, RFC 5869)."""
    return hmac.digest(key, purpose + b"\x01", "sha256")


def mark_of(key: bytes) -> str:
    """What the store names a key by."""
    # of the key and a word of ours: what stands in the database cannot be used as the key's hash elsewhere
    return hashlib.sha256(b"ailyus-handles" + key).hexdigest()


def _refused() -> AilyusError:
    return AilyusError("bad_handle", "the handle is unknown, used or expired, or not meant for this field")


def _key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = os.urandom(KEY_BYTES)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
    return checked_key(key, path.name)


def checked_key(key: bytes, name: str = "[store] secrets") -> bytes:
    """The key, if it is one. Raises `store_corrupt`."""
    if len(key) != KEY_BYTES:
        raise AilyusError("store_corrupt", f"`{name}` is no key for sealed secrets")
    return key
