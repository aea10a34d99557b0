"""New passkeys: who vouches for them, and the link by which a person brings one, once, within ten minutes.

The terminal introduces people while fewer than two admins of their tenant have a passkey; from then on two admins do,
and everybody adds further passkeys of their own with one that they have.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.canonical import digest, new_id
from contracts.errors import AilyusError
from policies.passkey import asserts
from policies.principal import Key, Passkey, Person, keyid_of
from receipts.journal.registry import count_use
from receipts.store.transaction import Conflict, Txn
from receipts.tables import introductions, passkeys
from receipts.tables.introductions import StoredIntroduction
from server.actions.runner import ActionRunner
from server.approvals.keys import link_key, revoke_key
from server.console.signed_word import Introduction, SignedKeyAuthorization, introduction_of, words_of

VALID_MS = 600_000
ADMINS = 2
"""How many admins must introduce somebody."""
WORD_MS = 120_000
"""How old a signed word about a key may be."""


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that a browser made: its COSE key, where it answers, its attestation object, and what it is called."""

    public: bytes
    passkey: Passkey
    attestation_object: str
    name: str


class PasskeyInvitations:
    """Rows of introductions, and what they are used for."""

    def __init__(self, runner: ActionRunner, admins: Sequence[str]) -> None:
        self._runner = runner
        self._roles = frozenset(admins)

    def is_admin(self, person: Person) -> bool:
        """Does this person hold a role that the settings name under `[console] admins`?"""
        return bool(self._roles & person.roles)

    async def by_terminal(self, name: str) -> str:
        """A link's token, for whoever owns the gateway's process; refused once two admins have passkeys."""
        people, keys = self._runner.release.people, (await self._runner.journal.registry.keys()).values()
        person = people.get(name)
        if person is None:
            raise AilyusError("unknown_person", f"`{name}` is no declared person")
        holders = {k.person for k in keys if k.kind == "passkey" and not k.revoked}
        known = [p for p in map(people.get, sorted(holders)) if p is not None and p.tenant == person.tenant]
        admins = [p for p in known if self.is_admin(p)]
        # who owns the process could make a key for anybody: from here on that takes two people
        if len(admins) >= ADMINS:
            names = " and ".join(f"`{p.name}`" for p in admins[:2])
            hint = f"{names} introduce people at the console, under People"
            raise AilyusError("no_authority", "two admins have passkeys: the terminal introduces nobody", hint=hint)
        token = secrets.token_urlsafe(32)
        await self._insert(new_id("int"), name, (), token)
        return token

    async def waiting(self, tenant: str) -> list[Introduction]:
        """Introductions that wait for a second admin."""
        store, people = self._runner.journal.store, self._runner.release.people
        found = [introduction_of(stored) for stored in await introductions.begun(store)]
        return [i for i in found if (p := people.get(i.person)) is not None and p.tenant == tenant]

    async def of_token(self, token: str) -> Introduction | None:
        """The introduction behind a link that was not used yet and is in its time."""
        for stored in await introductions.usable(self._runner.journal.store):
            # INVARIANT: whoever can write a row cannot make a link that brings a passkey for somebody
            # guard: a link is a MAC
            if hmac.compare_digest(self._sealed(token, stored.id, stored.person, stored.words), stored.token_hash):
                return introduction_of(stored)
        return None

    def _sealed(self, token: str, id_: str, person: str, words: bytes) -> str:
        """What the store keeps of a link: a MAC over its token and all that it gives leave for."""
        key = self._runner.journal.handles.derived(b"ailyus-introductions")
        return hmac.digest(key, "\n".join((token, id_, person, words.hex())).encode(), "sha256").hex()

    async def introduce(self, by: Person, signed: SignedKeyAuthorization) -> str | None:
        """An admin vouches for a person; the second one gets the link's token."""
        word, people = signed.word, self._runner.release.people
        person = people.get(word.person)
        if not self.is_admin(by):
            raise AilyusError("no_authority", "only an admin introduces somebody", hint="see `[console] admins`")
        if person is None or person.tenant != by.tenant:
            raise AilyusError("unknown_person", f"`{word.person}` is no declared person of `{by.tenant}`")
        uses = await self._vouched(by, signed, "introduce", word.about)
        known = next((i for i in await self.waiting(by.tenant) if i.id == word.about), None)
        if known is None:
            if not word.about.startswith("int_"):
                raise AilyusError("bad_signature", "this names no introduction")
            await self._insert(word.about, word.person, (signed,), None, (signed.keyid, uses))
            return None
        if known.person != word.person:
            raise AilyusError("bad_signature", "the introduction is for somebody else", hint="look at it again")
        if by.name in known.by:  # guard: two different admins
            raise AilyusError("no_authority", "another admin must introduce them too")
        token = secrets.token_urlsafe(32)
        words = words_of((*known.words, signed))
        made = StoredIntroduction(known.id, known.person, words, self._sealed(token, known.id, known.person, words))

        def work(txn: Txn) -> None:
            count_use(txn, signed.keyid, uses)
            introductions.complete(txn, made, txn.now_ms + VALID_MS)

        await self._write(work)
        return token

    async def accept(self, token: str, new: NewPasskey) -> str:
        """Link the passkey that a person brought by a link; returns its key id."""
        known = await self.of_token(token)
        if known is None:
            raise AilyusError("no_authority", "the link was used or is past its time", hint="ask for a new one")
        await self._still_vouched(known)  # ten minutes may lie between: an admin may be none any more

        key = Key(keyid_of(new.public), new.public, known.person, "passkey", passkey=new.passkey)

        def used(txn: Txn) -> None:
            introductions.use(txn, known.id)
            passkeys.rename(txn, key.keyid, new.name)

        authority: Literal["admins", "terminal"] = "admins" if known.words else "terminal"
        await link_key(self._runner, key, authority, words_of(known.words), used)
        return key.keyid

    async def add(self, by: Person, new: NewPasskey, signed: SignedKeyAuthorization) -> str:
        """Link a further passkey of the same person; one that they have vouches for it."""
        if signed.word.person != by.name:
            raise AilyusError("no_authority", "people add passkeys of their own only")
        uses = await self._vouched(by, signed, "add", digest(new.attestation_object))
        key = Key(keyid_of(new.public), new.public, by.name, "passkey", passkey=new.passkey)

        def used(txn: Txn) -> None:
            count_use(txn, signed.keyid, uses)
            passkeys.rename(txn, key.keyid, new.name)

        await link_key(self._runner, key, "passkey", words_of((signed,)), used)
        return key.keyid

    async def revoke(self, by: Person, signed: SignedKeyAuthorization) -> None:
        """Revoke a key: one's own, or as an admin anybody's of the tenant."""
        runner = self._runner
        key = (await runner.journal.registry.keys()).get(signed.word.about)
        holder = runner.release.people.get(key.person) if key else None
        own = key is not None and key.person == by.name
        if key is None or not (own or (self.is_admin(by) and (holder is None or holder.tenant == by.tenant))):
            raise AilyusError("no_authority", "revoke a key of your own, or as an admin one of your tenant")
        uses = await self._vouched(by, signed, "revoke", key.keyid)
        await self._write(lambda txn: count_use(txn, signed.keyid, uses))
        await revoke_key(runner, key.keyid, words_of((signed,)))

    async def _vouched(self, by: Person, signed: SignedKeyAuthorization, event: str, about: str) -> int:
        """The passkey's new count, if this is a fresh word of this person's passkey about exactly that."""
        runner, word = self._runner, signed.word
        key = (await runner.journal.registry.keys()).get(signed.keyid)
        fresh = abs(runner.journal.store.now_ms() - word.at_ms) <= WORD_MS
        right = (word.origin, word.event, word.about, word.by) == (runner.release.origin, event, about, by.name)
        if key is None or key.revoked or key.person != by.name or not right or not fresh:
            raise AilyusError("no_authority", "a passkey of yours must say this, now", hint="try again on this page")
        uses = asserts(
            signed.assertion, bytes.fromhex(word.digest), key, await runner.journal.registry.uses(signed.keyid)
        )
        if uses is None:  # guard: an existing passkey vouches
            raise AilyusError("bad_signature", "the passkey's signature does not hold")
        return uses

    async def _still_vouched(self, known: Introduction) -> None:
        # INVARIANT: an introduction is worth what its admins are worth now
        keys, people = await self._runner.journal.registry.keys(), self._runner.release.people
        for signed in known.words:
            key, admin = keys.get(signed.keyid), people.get(signed.word.by)
            if key is None or key.revoked or admin is None or not self.is_admin(admin):
                raise AilyusError("no_authority", "an admin who introduced you is none any more", hint="ask again")

    async def _insert(
        self,
        id_: str,
        person: str,
        words: tuple[SignedKeyAuthorization, ...],
        token: str | None,
        use: tuple[str, int] | None = None,
    ) -> None:
        sealed = self._sealed(token, id_, person, words_of(words)) if token else ""
        new = StoredIntroduction(id_, person, words_of(words), sealed)

        def work(txn: Txn) -> None:
            if use is not None:
                count_use(txn, *use)
            introductions.insert(txn, new, txn.now_ms + VALID_MS)

        await self._write(work)

    async def _write(self, work: Callable[[Txn], None]) -> None:
        try:
            await self._runner.journal.write((), work)
        except Conflict:
            raise AilyusError("used", "this was said already", hint="look at the page again") from None
