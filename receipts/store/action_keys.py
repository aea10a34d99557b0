"""The data keys of the actions that one transaction writes: read from its rows, or made in it."""

import os
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.errors import AilyusError
from receipts.store.data_keys import BY_ACTION, BY_TENANT, DataKeys
from receipts.store.row import Value, blob, integer
from receipts.store.sealed_value import DataKey, new_key_id, text_of, unwrap, wrap

if TYPE_CHECKING:
    from receipts.store.transaction import Txn

_BYTES: Final = 32
_INSERT: Final = "INSERT INTO data_keys (id, action_id, tenant, wrapped) VALUES (?, ?, ?, ?)"


class ActionKeys:
    """Seals what a transaction writes about actions, each under the action's own key."""

    def __init__(self, txn: "Txn", known: DataKeys | None) -> None:
        self._txn = txn
        self._known = known
        self._actions: dict[str, DataKey] = {}
        self._tenants: dict[str, AESGCM] = {}
        self._word_keys: dict[str, bytes] = {}
        self._words: set[tuple[str, str]] = set()

    def begin(self, tenant: str, action_id: str) -> None:
        """Make the key of an action that is new, of which no row is asked for; unless a statement about it did."""
        if self._required().of_action(action_id) is None:
            self._actions[action_id] = self._made(tenant, action_id)

    def seal(self, tenant: str, action_id: str, data: bytes, salt: bytes = b"") -> bytes:
        """A value of an action as it is kept; with the salt of its commitment, if it has one."""
        return self._of(tenant, action_id).sealed(data, salt)

    def seal_text(self, tenant: str, action_id: str, text: str) -> str:
        """A text of an action as it is kept; an empty one stays empty."""
        return text_of(self.seal(tenant, action_id, text.encode())) if text else ""

    def word_key(self, tenant: str) -> bytes:
        """The key under which the words of a tenant are kept: that of its pseudonyms."""
        key = self._word_keys.get(tenant) or self._required().word_keys.get(tenant)
        if key is None:
            rows = self._txn.query("SELECT key FROM tenant_keys WHERE tenant = ?", tenant)
            if not rows:
                raise AilyusError("bad_settings", f"the tenant `{tenant}` has no key", hint="`ailyus audit`")
            key = blob(rows[0][0])
        self._word_keys[tenant] = key
        return key

    def is_new_word(self, tenant: str, token: str) -> bool:
        """Is it the first time lately that an action has this word?"""
        word = (tenant, token)
        if word in self._words or word in self._required().words:
            return False
        self._words.add(word)
        return True

    def take_back(self) -> None:
        """Forget what was made: an entry failed, and its rows are gone. What is left is read again."""
        self._actions, self._tenants, self._word_keys, self._words = {}, {}, {}, set()

    def keep(self) -> None:
        """After the COMMIT: the next transactions need not read these again."""
        if self._known is not None:
            self._known.keep(self._actions, self._tenants)
            self._known.keep_words(self._word_keys, self._words)

    def _of(self, tenant: str, action_id: str) -> DataKey:
        known = self._required()
        key = self._actions.get(action_id) or known.of_action(action_id)
        if key is None:
            rows = self._txn.query(BY_ACTION, action_id)
            key = self._read(tenant, *rows[0]) if rows else self._made(tenant, action_id)
        self._actions[action_id] = key
        return key

    def _read(self, tenant: str, id_: Value, wrapped: Value) -> DataKey:
        data = unwrap(self._by(tenant), blob(wrapped), str(id_))
        if data is None:  # guard: no action under a key that does not open
            raise _foreign()
        return DataKey(integer(id_), AESGCM(data))

    def _made(self, tenant: str, action_id: str) -> DataKey:
        id_, data = new_key_id(), os.urandom(_BYTES)
        self._txn.write_many(_INSERT, [(id_, action_id, tenant, wrap(self._by(tenant), data, str(id_)))])
        return DataKey(id_, AESGCM(data))

    def _by(self, tenant: str) -> AESGCM:
        """The key of a tenant, which is made with its first action."""
        known = self._required()
        by = self._tenants.get(tenant) or known.of_tenant(tenant)
        if by is None:
            rows = self._txn.query(BY_TENANT, tenant)
            key = known.unwrapped(tenant, blob(rows[0][0])) if rows else os.urandom(_BYTES)
            wrapped = None if key is None else known.wrapped(tenant, key)
            if key is None or wrapped is None:
                raise _foreign()
            if not rows:
                self._txn.write("INSERT INTO wrapping_keys (tenant, wrapped) VALUES (?, ?)", tenant, wrapped)
            by = AESGCM(key)
        self._tenants[tenant] = by
        return by

    def _required(self) -> DataKeys:
        if self._known is None:  # guard: nothing personal is written without a key
            raise AilyusError("internal", "the store has no key to seal what is personal")
        return self._known


def _foreign() -> AilyusError:
    hint = "give every replica the same `[store] secrets`; after a restore, those of the backup"
    return AilyusError("bad_settings", "what is personal in this store is sealed with another key", hint=hint)
