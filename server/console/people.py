"""Signing in, people's passkeys, and who vouches for new ones."""

import hashlib
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import Response

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.passkey import Assertion, Attestation, attested, decode, encode
from policies.principal import Key, Passkey
from receipts.tables import passkeys
from receipts.tables.passkeys import PasskeyUse
from server.actions.runner import ActionRunner
from server.console.introductions import NewPasskey, PasskeyInvitations
from server.console.redirection import cookie, inside, redirect
from server.console.session import Challenges, ConsoleSessions, passkeys_of
from server.console.signed_word import SignedKeyAuthorization
from server.console.visit import ConsoleRequest, Page, View
from server.workspace.public_address import PublicAddress

NAME_LENGTH = 60
"""The longest name of a passkey, in characters."""


class PeoplePages:
    """The door, and the people behind it."""

    def __init__(
        self,
        runner: ActionRunner,
        sessions: ConsoleSessions,
        introductions: PasskeyInvitations,
        address: PublicAddress,
        session_seconds: int,
        *,
        has_provider: bool = False,
    ) -> None:
        self._has_provider = has_provider
        self._runner = runner
        self._sessions = sessions
        self._introductions = introductions
        self._challenges = Challenges(address.console_origin, runner)
        self._origin = address.console_origin
        self._url = address.console
        self._rp_id = urlsplit(self._origin).hostname or "localhost"
        self._session_seconds = session_seconds

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/sign-in", self.door, public=True),
            View("POST", "/sign-in", self.sign_in, public=True),
            View("POST", "/sign-out", self.sign_out, personal=True),
            View("GET", "/enrol/{link}", self.invited, public=True),
            View("POST", "/enrol/{link}", self.enrol, public=True),
            View("GET", "/people", self.people),
            View("POST", "/people/add", self.add, personal=True),
            View("POST", "/people/name", self.rename, personal=True),
            View("POST", "/people/introduce", self.introduce),
            View("POST", "/people/revoke", self.revoke),
        ]

    async def door(self, visit: ConsoleRequest) -> Page:
        """Sign in with a passkey; no name is asked for."""
        # no name: a page that asks for one tells whoever tries names which of them exist
        challenge = encode(self._challenges.new("ailyus-sign-in-v1"))
        body: dict[str, object] = {"challenge": challenge, "rp_id": self._rp_id, "to": inside(visit.asked("to"))}
        body["provider"] = self._has_provider
        return Page("sign_in.html", "Sign in", body)

    async def sign_in(self, visit: ConsoleRequest) -> Response:
        """Check the passkey's word; a session of its own each time, so that none is fixed by anybody."""
        challenge = decode(visit.form["challenge"])
        assertion = Assertion.model_validate_json(visit.form["signed"])
        # a visitor's challenges touch the store only with a passkey's word on them
        known = self._challenges.is_ours(challenge, "ailyus-sign-in-v1")
        secret = await self._sessions.open(assertion, challenge) if known else None
        if secret is None:
            hint = "use a passkey that you brought here by a link; `ailyus person invite PERSON` makes the first"
            raise AilyusError("signed_out", "this passkey does not open this console", hint=hint)
        answer = redirect(inside(visit.form.get("to", "")))
        answer.headers["set-cookie"] = cookie(secret, self._session_seconds)
        return answer

    async def sign_out(self, visit: ConsoleRequest) -> Response:
        """End the session, here and in the store."""
        await self._sessions.close(visit.signed_in.secret)
        answer = redirect("/sign-in")
        answer.headers["set-cookie"] = cookie("", 0)
        return answer

    async def invited(self, visit: ConsoleRequest) -> Page:
        """Where a link leads: bring a passkey for the person that it names."""
        known = await self._introductions.of_token(visit.named("link"))
        if known is None:
            raise AilyusError("no_authority", "the link was used or is past its time", hint="ask for a new one")
        body = {**self._creation(known.person), "person": known.person, "by": list(known.by)}
        return Page("enrol.html", "Bring a passkey", body)

    async def enrol(self, visit: ConsoleRequest) -> Response:
        """Link the passkey that somebody brought by a link."""
        await self._introductions.accept(visit.named("link"), await self._brought(visit))
        return redirect("/sign-in")

    async def people(self, visit: ConsoleRequest) -> Page:
        """Everybody of this tenant, their keys, and who waits to be introduced."""
        runner, me = self._runner, visit.person
        journal = runner.journal
        keys = (await journal.registry.keys()).values()
        used = await passkeys.uses(journal.store)
        listed = [
            (
                k,
                {
                    "keyid": k.keyid,
                    "kind": k.kind,
                    "revoked": k.revoked,
                    "this": k.keyid == visit.signed_in.keyid,
                    "last": _is_last(k, keys),
                    "said_ms": journal.ledger.keys[k.keyid].at_ms,
                    "authority": journal.ledger.keys[k.keyid].text("authority"),
                    "name": used.get(k.keyid, PasskeyUse()).name,
                    "used_ms": used.get(k.keyid, PasskeyUse()).used_ms,
                },
            )
            for k in keys
        ]
        rows = [
            {
                "name": person.name,
                "roles": sorted(person.roles),
                "admin": self._introductions.is_admin(person),
                "keys": [row for k, row in listed if k.person == person.name],
            }
            for person in runner.release.people.by_name.values()
            if person.tenant == visit.tenant
        ]
        waiting = [
            {"id": i.id, "person": i.person, "by": list(i.by), "mine": me.name in i.by}
            for i in await self._introductions.waiting(visit.tenant)
        ]
        body = {
            **self._creation(me.name),
            "people": rows,
            "waiting": waiting,
            "admin": self._introductions.is_admin(me),
            "new_id": new_id("int"),
            "word": {
                "purpose": "ailyus-key-v1",
                "origin": runner.release.origin,
                "by": me.name,
                "at_ms": runner.journal.store.now_ms(),
                "nonce": secrets.token_hex(16),
            },
            "keys": passkeys_of(keys, me),
        }
        return Page("people.html", "People", body)

    async def add(self, visit: ConsoleRequest) -> Response:
        """A further passkey of one's own, vouched for by one that one has."""
        new = await self._brought(visit)
        signed = SignedKeyAuthorization.model_validate_json(visit.form["signed"])
        await self._introductions.add(visit.person, new, signed)
        return redirect("/people")

    async def rename(self, visit: ConsoleRequest) -> Response:
        """Call a passkey of one's own something else; nothing is decided by its name, so nothing is signed."""
        keyid, name = visit.form["keyid"], _name_of(visit)
        journal = self._runner.journal
        key = (await journal.registry.keys()).get(keyid)
        if key is None or key.passkey is None or key.person != visit.person.name:
            raise AilyusError("no_authority", "people name passkeys of their own only")
        await journal.write((), lambda txn: passkeys.rename(txn, keyid, name))
        return redirect("/people")

    async def introduce(self, visit: ConsoleRequest) -> Page | Response:
        """An admin vouches for somebody; the second one gets the link, once."""
        signed = SignedKeyAuthorization.model_validate_json(visit.form["signed"])
        token = await self._introductions.introduce(visit.person, signed)
        if token is None:
            return redirect("/people")
        body = {"person": signed.word.person, "link": self.link(token)}
        return Page("introduced.html", "The link", body)

    async def revoke(self, visit: ConsoleRequest) -> Response:
        """Revoke a key; its sessions end with it. The last one of a person only by an extra word."""
        signed = SignedKeyAuthorization.model_validate_json(visit.form["signed"])
        keys = await self._runner.journal.registry.keys()
        key = keys.get(signed.word.about)
        if key is not None and _is_last(key, keys.values()) and visit.form.get("last") != "yes":
            sentence = "it is the last passkey of its person, who signs in and approves nothing without it"
            raise AilyusError("bad_form", sentence, hint="tick beside the button that this is meant")
        await self._introductions.revoke(visit.person, signed)
        return redirect("/people")

    def link(self, token: str) -> str:
        """The address of an introduction's link."""
        return f"{self._url}/enrol/{token}"

    def _creation(self, person: str) -> dict[str, str]:
        """What `navigator.credentials.create()` is given."""
        deployment = self._runner.release.origin
        return {
            "challenge": encode(self._challenges.new("ailyus-enrol-v1")),
            "rp_id": self._rp_id,
            "deployment": deployment,
            # a digest, since WebAuthn wants no personal value in a user handle (Level 3, section 14.6.1)
            "user_id": encode(hashlib.sha256(f"{deployment}\n{person}".encode()).digest()),
            "user_name": person,
        }

    async def _brought(self, visit: ConsoleRequest) -> NewPasskey:
        """A new passkey, checked (WebAuthn Level 3, section 7.1)."""
        # before the challenge is used up: a name that is too long can be mended on the page
        name = _name_of(visit)
        attestation = Attestation.model_validate_json(visit.form["attestation"])
        challenge = decode(visit.form["challenge"])
        # taken, and not only looked at: an attestation counts once
        if not await self._challenges.take(challenge, "ailyus-enrol-v1"):
            raise AilyusError("bad_form", "the page is past its time", hint="open it again")
        public = attested(attestation, challenge, self._rp_id, self._origin)
        passkey = Passkey(attestation.credential, self._rp_id, self._origin)
        return NewPasskey(public, passkey, attestation.attestation_object, name)


def _name_of(visit: ConsoleRequest) -> str:
    """What a form calls a passkey; empty when it says nothing."""
    name = visit.form.get("name", "").strip()
    if len(name) > NAME_LENGTH:
        raise AilyusError("bad_form", f"a passkey's name has at most {NAME_LENGTH} characters", hint="shorten it")
    return name


def _is_last(key: Key, keys: Iterable[Key]) -> bool:
    """Is this the only passkey that its person has left?"""
    # keys of files sign at the terminal only: they let nobody in here
    left = [one.keyid for one in keys if one.person == key.person and one.passkey is not None and not one.revoked]
    return left == [key.keyid]
