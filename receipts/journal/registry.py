"""What lives beside the actions: the live release, what was released before, tenants' keys and people's keys."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.passkey import Assertion, sign_count
from policies.principal import Key
from receipts.journal.controls import Controls
from receipts.journal.epoch import bump
from receipts.statement.gateway_facts import TenantFacts
from receipts.statement.releases import ReleaseRecord, authors, newest, newest_leaf, newest_signed
from receipts.statement.signed_rows import KEY, key_is_said, key_of
from receipts.statement.statement import Notary, SignedStatement, key_digest
from receipts.store.row import Row, blob, integer
from receipts.store.store import Store
from receipts.store.transaction import Conflict, Txn


class Registry:
    """Rows that change seldom, each change with its logged statement."""

    def __init__(self, store: Store, controls: Controls) -> None:
        self._store = store
        self._controls = controls
        self.ledger = controls.ledger
        self._tenant_keys: dict[str, bytes] = {}
        self.notary = Notary(store.signer, store.origin, self.tenant_key)
        self.release = ""
        self.known_authors: frozenset[str] = frozenset()
        """Who released the live set, as last read."""
        self._authors_at = ("", -1)

    async def load(self) -> None:
        """Read what is committed."""
        rows = await self._store.read("SELECT tenant, key FROM tenant_keys")
        logged = self.ledger.tenants
        for name, key in rows:
            tenant = str(name)
            # INVARIANT: under another key nobody would be found by what the log says of them
            if tenant in logged and key_digest(blob(key)) != logged[tenant]:
                sentence = f"the key of the tenant `{tenant}` is not the one that was logged"
                raise AilyusError("store_corrupt", sentence, hint="restore `tenant_keys` from a backup")
        self._tenant_keys = {str(tenant): blob(key) for tenant, key in rows}

    @property
    def tenant_keys(self) -> Mapping[str, bytes]:
        """The keys of all tenants."""
        return self._tenant_keys

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant's pseudonyms."""
        try:
            return self._tenant_keys[tenant]
        except KeyError:
            raise AilyusError("not_found", f"the tenant `{tenant}` is not part of the release") from None

    async def activate(
        self,
        release: str,
        tenants: Sequence[str],
        versions: Sequence[tuple[str, int, str]],
        sealed: SignedStatement,
        *,
        again: bool = False,
        after: int | None = None,
    ) -> int:
        """Make a release the live one: from now on only it can commit an intent. Returns where its statement stands.

        `again`: the log says already that this author released this; it is not said twice in a row. `after` is where
        the last release stood when this one was accepted; `Conflict` where another has come in between.
        """

        def work(txn: Txn) -> tuple[int, int]:
            leaf = newest_leaf(txn)
            # INVARIANT 8: of two releases at once, the one that was signed earlier does not end as the live one
            if after is not None and leaf != after:  # guard: one release at a time
                raise Conflict
            self._name_tenants(txn, tenants)
            for name, version, digest in versions:
                txn.write(
                    "INSERT INTO contract_versions VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    name,
                    version,
                    digest,
                    rows=None,
                )
            # guard: each author is recorded
            if not again or txn.query("SELECT value FROM meta WHERE key = 'release'") != [(release,)]:
                leaf = sealed.insert(txn)
            txn.write(
                "INSERT INTO meta VALUES ('release', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", release
            )
            return bump(txn), leaf

        self._controls.epoch, leaf = await self._store.write(work)
        await self.follow(release)
        return leaf

    def _name_tenants(self, txn: Txn, tenants: Sequence[str]) -> None:
        """A key for each tenant that has none, and a statement with its digest for each key that has none."""
        for tenant in tenants:
            txn.write("INSERT INTO tenant_keys VALUES (?, ?) ON CONFLICT DO NOTHING", tenant, os.urandom(32), rows=None)
        # a key of a store of an earlier version is logged at its first start under this one
        for name, key in txn.query(
            "SELECT tenant, key FROM tenant_keys WHERE tenant NOT IN"
            " (SELECT tenant FROM statements WHERE (kind IN ('key', 'agent', 'halt', 'role', 'tenant')"
            " OR status = 'withdrawn') AND kind = 'tenant') ORDER BY tenant"
        ):
            tenant, hashed = str(name), key_digest(blob(key))
            facts = TenantFacts(event="keyed", tenant=tenant, key_digest=hashed)
            self.notary.sign_gateway_statement(facts, new_id("rcp"), tenant, {tenant: hashed}, txn.now_ms).insert(txn)

    async def follow(self, release: str) -> None:
        """Take a release that is live already, with the tenants that came with it."""
        await self.ledger.follow()
        await self.load()
        self._controls.live = self.release = release
        await self.authors(release)

    async def newest(self) -> ReleaseRecord | None:
        """The last release in the log."""
        keys = self._store.keys
        return await self._store.read_aside(lambda read: newest(read, keys))

    async def newest_signed(self) -> ReleaseRecord | None:
        """The last release in the log that its author signed."""
        keys = self._store.keys
        return await self._store.read_aside(lambda read: newest_signed(read, keys))

    async def authors(self, release: str) -> frozenset[str]:
        """Everybody who ever released exactly this: none of them approves under it. Read again with each epoch."""
        at = (release, self._controls.epoch)
        # the epoch grows with every release, so that the statements are read again only after one
        if self._authors_at != at:
            keys = self._store.keys
            self.known_authors = await self._store.read_aside(lambda read: authors(read, release, keys))
            self._authors_at = at
        return self.known_authors

    async def suffix(self, name: str, version: int, digest: str) -> str:
        """`` or `+` and 8 hex digits: other content was released before under this name and version."""
        rows = await self._store.read(
            "SELECT digest FROM contract_versions WHERE name = ? AND version = ? ORDER BY rowid", name, version
        )
        return f"+{digest[:8]}" if rows and rows[0][0] != digest else ""

    async def revoke_key(self, keyid: str, sealed: SignedStatement) -> None:
        """Revoke a key, by a logged `key` statement; raises `Conflict` when it is not linked."""

        def work(txn: Txn) -> int:
            txn.write("UPDATE keys SET revoked = 1 WHERE keyid = ? AND revoked = 0", keyid)
            txn.write("DELETE FROM sessions WHERE keyid = ?", keyid, rows=None)
            sealed.insert(txn)
            return bump(txn)

        self._controls.epoch = await self._store.write(work)
        await self._controls.refresh()  # from here on the log says so, whatever the row says

    async def keys(self) -> dict[str, Key]:
        """Every key that is linked by its signed statement."""
        rows = await self._store.read(f"SELECT {KEY} FROM keys AS k LEFT JOIN passkeys AS p USING (keyid)")
        return {key.keyid: key for key in await self._vouched(rows)}

    async def passkey(self, credential: str) -> tuple[Key, int] | None:
        """A passkey by its credential id, and the last count of its uses."""
        rows = await self._store.read(
            f"SELECT {KEY}, p.uses FROM keys AS k JOIN passkeys AS p USING (keyid) WHERE p.credential = ?", credential
        )
        vouched = await self._vouched(rows)
        return (vouched[0], integer(rows[0][8])) if vouched else None

    async def _vouched(self, rows: Sequence[Row]) -> list[Key]:
        """The keys of those rows that a signed statement vouches for."""
        keys = [key_of(row) for row in rows]
        if any(key.keyid not in self.ledger.keys for key in keys):
            await self.ledger.follow()  # linked just now, perhaps at another replica
        found = []
        for key in keys:
            said = self.ledger.keys.get(key.keyid)
            # guard: keys count by their statement
            if said is None or not key_is_said(key, said, self._tenant_keys.get(said.tenant)):
                self.ledger.tell("keys", key.keyid)
                continue
            # INVARIANT: a revocation in the log holds whatever the row says
            # guard: a revocation in the log holds
            found.append(replace(key, revoked=key.revoked or said.event != "linked"))
        return found

    async def uses(self, keyid: str) -> int:
        """The last count of uses that a passkey's authenticator said."""
        rows = await self._store.read("SELECT uses FROM passkeys WHERE keyid = ?", keyid)
        return integer(rows[0][0]) if rows else 0

    async def grows(self, keyid: str, assertion: Assertion) -> bool:
        """Did the authenticator count on since it was last seen? Synced passkeys always say 0."""
        before, now = await self.uses(keyid), sign_count(assertion)
        return now > before or now == before == 0


def insert_key(txn: Txn, key: Key) -> None:
    """Inside a commit: the rows of a new key."""
    txn.write("INSERT INTO keys VALUES (?, ?, ?, ?, 0)", key.keyid, key.public, key.person, key.kind)
    if key.passkey is not None:
        at = key.passkey
        sql = "INSERT INTO passkeys (keyid, credential, rp_id, origin, uses) VALUES (?, ?, ?, ?, 0)"
        txn.write(sql, key.keyid, at.credential, at.rp_id, at.origin)


def count_use(txn: Txn, keyid: str, uses: int) -> None:
    """Inside a commit: when a passkey signed, and its authenticator's count; one that did not grow is a `Conflict`."""
    # INVARIANT: the same assertion, or a copied authenticator, does not count twice
    txn.write(
        "UPDATE passkeys SET uses = ?1, used_ms = ?3 WHERE keyid = ?2 AND (uses < ?1 OR (uses = 0 AND ?1 = 0))",
        uses,
        keyid,
        txn.now_ms,
    )
