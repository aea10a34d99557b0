"""People's keys: linked and revoked by logged `key` statements, each saying by whose authority."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.principal import Key, KeyKind, keyid_of
from receipts.journal.registry import insert_key
from receipts.statement.gateway_facts import KeyFacts
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Conflict, Txn, Work
from server.actions.runner import ActionRunner

Authority = Literal["terminal", "passkey", "admins"]
"""Who vouches for a new key: whoever owns the gateway's process, a passkey of the same person, or two admins."""


class NewKey(BaseModel):
    """What `approval enrol` sends: a public key (hex, 32 bytes), never a private one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public: str
    person: str
    kind: KeyKind


async def link_new(runner: ActionRunner, new: NewKey) -> str:
    """Link a key of a file to a declared person; returns its id."""
    if new.kind == "passkey":
        raise AilyusError("bad_settings", "a passkey is brought at the console", hint="`ailyus person invite PERSON`")
    if new.kind == "development" and not runner.release.development:
        raise AilyusError("weak_key", "a development key counts only in a workspace marked `development = true`")
    public = bytes.fromhex(new.public)
    key = Key(keyid_of(public), public, new.person, new.kind)
    await link_key(runner, key, "terminal")
    return key.keyid


async def link_key(
    runner: ActionRunner,
    key: Key,
    authority: Authority,
    words: bytes = b"[]",
    also: Work[None] = lambda txn: None,
) -> None:
    """Link a key, by a logged statement; `words` vouch for it (signed), `also` is committed after its rows."""
    person = runner.release.people.get(key.person)
    if person is None:
        raise AilyusError("unknown_person", f"`{key.person}` is no declared person")
    known = await runner.journal.registry.keys()
    if key.keyid in known:
        raise AilyusError("bad_settings", "this key is linked already", hint="nothing needs to be done")
    facts = KeyFacts(
        event="linked",
        keyid=key.keyid,
        public=key.public.hex(),
        key_kind=key.kind,
        holder=runner.journal.notary.pseudonym(person.tenant, "person", person.name),
        authority=authority,
    )
    if key.passkey is not None:
        at = key.passkey
        facts = facts.also({"credential": at.credential, "rp_id": at.rp_id, "origin": at.origin})
    sealed = _statement(runner, person.tenant, key.keyid, facts, {"person": person.name.encode(), "words": words})

    def work(txn: Txn) -> None:
        insert_key(txn, key)
        also(txn)
        sealed.insert(txn)

    try:
        await runner.journal.write((), work)
    except Conflict:
        raise AilyusError("used", "the link was used, or the passkey is linked already") from None


async def revoke_key(runner: ActionRunner, keyid: str, words: bytes = b"[]") -> None:
    """Revoke a key, and end its sessions. The statement names the last good size of the log."""
    journal = runner.journal
    key = (await journal.registry.keys()).get(keyid)
    person = runner.release.people.get(key.person) if key else None
    head = (await journal.store.newest()).split("\n")
    facts = KeyFacts(event="revoked", keyid=keyid, last_good_size=int(head[1]))
    sealed = _statement(runner, person.tenant if person else "", keyid, facts, {"words": words})
    try:
        await journal.registry.revoke_key(keyid, sealed)
    except Conflict:
        raise AilyusError("not_found", f"no key `{keyid}` is linked", hint="`ailyus person list`") from None


def _statement(
    runner: ActionRunner,
    tenant: str,
    keyid: str,
    facts: KeyFacts,
    evidence: Mapping[str, bytes] = MappingProxyType({}),
) -> SignedStatement:
    notary, at = runner.journal.notary, runner.journal.store.now_ms()
    return notary.sign_gateway_statement(facts, new_id("rcp"), tenant, {keyid: keyid * 2}, at, evidence)
