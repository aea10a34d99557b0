"""Who is signed in: sessions in the store, tokens of forms, and challenges that are answered once."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from policies.passkey import Assertion, asserts
from policies.principal import Key, Person
from receipts.journal.registry import count_use
from receipts.store.transaction import Conflict, Txn
from receipts.tables import challenges, sessions
from receipts.tables.sessions import StoredSession
from server.actions.runner import ActionRunner

COOKIE = "__Host-ailyus"
"""`Secure; HttpOnly; SameSite=Lax; Path=/`: Strict would lose the session on a link from a notice."""
CHALLENGE_MS = 300_000


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A signed-in person. `secret` is the cookie's value, from which the tokens of forms are made."""

    person: Person
    keyid: str
    secret: str

    def token(self, path: str) -> str:
        """What a form that posts to this path must carry (HMAC-SHA-256 under the session's secret)."""
        return hmac.new(self.secret.encode(), path.encode(), hashlib.sha256).hexdigest()

    def sent(self, path: str, token: str) -> bool:
        """Was this form given to this session?"""
        return hmac.compare_digest(self.token(path).encode(), token.encode())


def passkeys_of(keys: Iterable[Key], person: Person) -> list[dict[str, JsonValue]]:
    """The passkeys that a page may ask for: key id, credential and RP id of each."""
    return [
        {"keyid": key.keyid, "credential": key.passkey.credential, "rpId": key.passkey.rp_id}
        for key in keys
        if key.person == person.name and not key.revoked and key.passkey is not None
    ]


class ConsoleSessions:
    """Sessions as rows, which a restart keeps. They end with their time, their key or their person."""

    def __init__(self, runner: ActionRunner, valid_ms: int) -> None:
        self._runner = runner
        self._valid_ms = valid_ms

    async def open(self, assertion: Assertion, challenge: bytes) -> str | None:
        """A new session's secret, if this is a linked passkey's word on the challenge."""
        runner = self._runner
        journal, release = runner.journal, runner.release
        known = await journal.registry.passkey(assertion.credential)
        if known is None:
            return None
        key, uses = known
        counted = asserts(assertion, challenge, key, uses)
        # whoever is declared no more is let in by no key of theirs
        if counted is None or key.revoked or release.people.get(key.person) is None:
            return None
        secret, expires = secrets.token_urlsafe(32), journal.store.now_ms() + self._valid_ms

        def work(txn: Txn) -> None:
            answer(txn, challenge)
            count_use(txn, key.keyid, counted)
            sessions.begin(txn, _hashed(secret), StoredSession(key.person, key.keyid), expires)

        try:
            await journal.write((), work)
        except Conflict:
            return None
        return secret

    async def open_for(self, person: Person) -> str:
        """A new session's secret for somebody whom the identity provider let in; it has no key that could sign."""
        journal = self._runner.journal
        secret, expires = secrets.token_urlsafe(32), journal.store.now_ms() + self._valid_ms
        opened = StoredSession(person.name, "")
        await journal.write((), lambda txn: sessions.begin(txn, _hashed(secret), opened, expires))
        return secret

    async def find(self, secret: str) -> ConsoleSession | None:
        """The session of a cookie; None when it expired, its key was revoked or its person is not declared any more."""
        runner = self._runner
        stored = await sessions.find(runner.journal.store, _hashed(secret))
        person = runner.release.people.get(stored.person) if stored is not None else None
        if stored is None or person is None:
            return None
        # what the provider said last, without asking: a page is no decision, and an approval asks anew
        shown = replace(person, roles=await runner.journal.roles.last_known(person))
        return ConsoleSession(shown, stored.keyid, secret)

    async def close(self, secret: str) -> None:
        """Sign out."""
        await self._runner.journal.write((), lambda txn: sessions.end(txn, _hashed(secret)))


class Challenges:
    """Challenges of sign-ins and of new passkeys: each is answered once, within five minutes, by whichever replica.

    Nobody remembers one before it is answered: 16 random bytes, its end in ms (8 bytes, big-endian), and HMAC-SHA-256
    over purpose, origin and both, under a key that all replicas have. The 56 bytes are never an approval's 32.
    """

    def __init__(self, origin: str, runner: ActionRunner) -> None:
        self._origin = origin
        self._runner = runner

    def new(self, purpose: str) -> bytes:
        """A fresh challenge, 56 bytes."""
        # the end stands in it, under the MAC: no replica has to remember what it gave out
        body = secrets.token_bytes(16) + (self._now() + CHALLENGE_MS).to_bytes(8, "big")
        return body + self._sealed(purpose, body)

    def is_ours(self, challenge: bytes, purpose: str) -> bool:
        """Was it given for this, and is it in its time? Whether it was answered before says `answer`."""
        body = challenge[:24]
        if not hmac.compare_digest(self._sealed(purpose, body), challenge[24:]):
            return False
        return int.from_bytes(body[16:], "big") > self._now()

    async def take(self, challenge: bytes, purpose: str) -> bool:
        """The same, and it was not answered yet: from now on it is."""
        if not self.is_ours(challenge, purpose):
            return False
        try:
            await self._runner.journal.write((), lambda txn: answer(txn, challenge))
        except Conflict:
            return False
        return True

    def _now(self) -> int:
        return self._runner.journal.store.now_ms()

    def _sealed(self, purpose: str, body: bytes) -> bytes:
        key = self._runner.journal.handles.derived(b"ailyus-challenges")
        return hmac.digest(key, f"{purpose}\n{self._origin}\n".encode() + body, "sha256")


def answer(txn: Txn, challenge: bytes) -> None:
    """Inside a commit: a challenge is answered; a second answer is a `Conflict`."""
    challenges.answer(txn, challenge, int.from_bytes(challenge[16:24], "big"))


def _hashed(secret: str) -> str:
    # 256 random bits need no salt; the look-up by hash leaks nothing about the secret
    return hashlib.sha256(secret.encode()).hexdigest()
