"""The rotation of the key that seals secrets: one commit, after which the former key opens nothing that counts.

Sealed in a store are the values of handles, the tokens of grants and the keys of tenants. They are few, and no gateway
runs meanwhile. So all of them change in one commit with the statement that says so: whenever a machine
fails, one key opens everything.
"""

from dataclasses import dataclass
from typing import Final

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.journal.secret_vault import DATA_KEYS, SET_MARK, SecretVault
from receipts.journal.token_seal import TokenSeal
from receipts.log.rotation import MARK
from receipts.statement.gateway_facts import RotationFacts
from receipts.store.data_keys import DataKeys
from receipts.store.row import Row, blob
from receipts.store.transaction import Txn

_GRANTS: Final = "SELECT id, access, refresh FROM grants ORDER BY id"
_SEALED: Final = "SELECT id, sealed FROM handles WHERE sealed IS NOT NULL ORDER BY id"


@dataclass(frozen=True, slots=True)
class SecretRotationRecord:
    """A rotation: its statement, the ids of both keys, how many rows were sealed anew, how many no key opens."""

    receipt: str
    keyid: str
    former: str
    resealed: int
    unopened: int


async def rotate_secrets(journal: Journal, key: bytes, by: str, reason: str) -> SecretRotationRecord:
    """Seal everything with another key, while no gateway uses the store. Raises `bad_settings`, `NotDurable`.

    Refused while an action is out: what was observed before it is compared by digests under a key of the former.
    """
    store, former, new = journal.store, journal.handles, SecretVault(journal.store, key)
    if former.keyid == new.keyid:
        raise AilyusError(
            "bad_settings", "the new key is the present one", hint="make another: `openssl rand -base64 32`"
        )

    def work(txn: Txn) -> SecretRotationRecord:
        ((out,),) = txn.query("SELECT count(*) FROM actions WHERE state <> 'ended' AND state = 'running'")
        if out:  # guard: no rotation of secrets while an action is out
            hint = "start the gateway, let them be read back (`ailyus action list`), end it, and run this again"
            raise AilyusError("bad_settings", f"{out!s} actions are out and not read back yet", hint=hint)
        handles, lost = _handles(txn, former, new)
        grants, unread = _grants(txn, TokenSeal(former), TokenSeal(new))
        tenants, foreign = _tenants(txn, former, new)
        txn.write_many("UPDATE wrapping_keys SET wrapped = ? WHERE tenant = ?", tenants)
        txn.write_many("UPDATE handles SET sealed = ? WHERE id = ?", handles)
        txn.write_many("UPDATE grants SET access = ?, refresh = ? WHERE id = ?", grants)
        txn.write(SET_MARK, new.mark)
        resealed = len(handles) + len(grants) + len(tenants)
        facts = RotationFacts(
            of="secrets",
            keyid=new.keyid,
            former_keyid=former.keyid,
            resealed=resealed,
            by=by,
            reason=reason,
        )
        subject = {new.keyid: sha256(new.keyid.encode())}
        sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, txn.now_ms, search=(MARK,))
        sealed.insert(txn)
        return SecretRotationRecord(sealed.index.id, new.keyid, former.keyid, resealed, lost + unread + foreign)

    return await store.write(work)


def _handles(txn: Txn, former: SecretVault, new: SecretVault) -> tuple[list[Row], int]:
    """Values sealed anew, and how many do not open: those stay as they are, since nobody can use them."""
    rows: list[Row] = []
    found = txn.query(_SEALED)
    for handle, sealed in found:
        value = former.opened(str(handle), blob(sealed))
        if value is not None:
            rows.append((new.sealed(str(handle), value), handle))
    return rows, len(found) - len(rows)


def _grants(txn: Txn, former: TokenSeal, new: TokenSeal) -> tuple[list[Row], int]:
    rows: list[Row] = []
    unread = 0
    for id_, access, refresh in txn.query(_GRANTS):
        grant, kept = str(id_), (blob(access), blob(refresh))
        tokens = former.opened(grant, "access", kept[0]), former.opened(grant, "refresh", kept[1])
        unread += any(data and not token for data, token in zip(kept, tokens, strict=True))
        rows.append((new.sealed(grant, "access", tokens[0]), new.sealed(grant, "refresh", tokens[1]), grant))
    return rows, unread


def _tenants(txn: Txn, former: SecretVault, new: SecretVault) -> tuple[list[Row], int]:
    """The tenants' keys wrapped anew: by them the keys of all actions, which stay as they are."""
    by, to = DataKeys(lambda: former.derived(DATA_KEYS)), DataKeys(lambda: new.derived(DATA_KEYS))
    rows: list[Row] = []
    found = txn.query("SELECT tenant, wrapped FROM wrapping_keys ORDER BY tenant")
    for tenant, wrapped in found:
        key = by.unwrapped(str(tenant), blob(wrapped))
        if key is not None:
            rows.append((to.wrapped(str(tenant), key), tenant))
    return rows, len(found) - len(rows)
