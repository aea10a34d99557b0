"""What lives beside the actions: the live release, what was released before, tenants' keys and people's keys."""

import os
from collections.abc import Sequence

from contracts.errors import AilyusError
from policies.principal import Key, key_kind
from receipts.controls import Controls, bump
from receipts.sqlite import Store, Txn, blob
from receipts.statement import Sealed


class Registry:
    """Rows that change seldom, each change with its logged statement."""

    def __init__(self, store: Store, controls: Controls) -> None:
        self._store = store
        self._controls = controls
        self._tenant_keys: dict[str, bytes] = {
            str(tenant): blob(key) for tenant, key in store.read("SELECT tenant, key FROM tenant_keys")
        }
        self.release = ""

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant's pseudonyms."""
        try:
            return self._tenant_keys[tenant]
        except KeyError:
            raise AilyusError("not_found", f"the tenant `{tenant}` is not part of the release") from None

    async def activate(
        self, release: str, tenants: Sequence[str], versions: Sequence[tuple[str, int, str]], sealed: Sealed
    ) -> None:
        """Make a release the live one: from now on only it can commit an intent."""
        missing = {t: os.urandom(32) for t in tenants if t not in self._tenant_keys}

        def work(txn: Txn) -> int:
            for tenant, key in missing.items():
                txn.write("INSERT INTO tenant_keys VALUES (?, ?)", tenant, key)
            for name, version, digest in versions:
                txn.write("INSERT OR IGNORE INTO contract_versions VALUES (?, ?, ?)", name, version, digest, rows=None)
            if txn.query("SELECT value FROM meta WHERE key = 'release'") != [(release,)]:
                sealed.insert(txn)  # a restart with the same release needs no second statement
            txn.write("INSERT OR REPLACE INTO meta VALUES ('release', ?)", release)
            return bump(txn)

        self._controls.epoch = await self._store.write(work)
        self._tenant_keys.update(missing)
        self.release = release

    def suffix(self, name: str, version: int, digest: str) -> str:
        """`` or `+` and 8 hex digits: other content was released before under this name and version."""
        rows = self._store.read(
            "SELECT digest FROM contract_versions WHERE name = ? AND version = ? ORDER BY rowid", name, version
        )
        return f"+{digest[:8]}" if rows and rows[0][0] != digest else ""

    async def link_key(self, key: Key, sealed: Sealed) -> None:
        """Link a public key to a person, by a logged `key` statement."""

        def work(txn: Txn) -> None:
            txn.write("INSERT INTO keys VALUES (?, ?, ?, ?, 0)", key.keyid, key.public, key.person, key.kind)
            sealed.insert(txn)

        await self._store.write(work)

    async def revoke_key(self, keyid: str, sealed: Sealed) -> None:
        """Revoke a key, by a logged `key` statement; raises `Conflict` when it is not linked."""

        def work(txn: Txn) -> int:
            txn.write("UPDATE keys SET revoked = 1 WHERE keyid = ? AND revoked = 0", keyid)
            sealed.insert(txn)
            return bump(txn)

        self._controls.epoch = await self._store.write(work)

    def keys(self) -> dict[str, Key]:
        """Every linked key."""
        rows = self._store.read("SELECT keyid, public, person, kind, revoked FROM keys")
        return {str(r[0]): Key(str(r[0]), blob(r[1]), str(r[2]), key_kind(r[3]), bool(r[4])) for r in rows}
