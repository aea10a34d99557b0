"""A signature under a form of the console: whose key made it, when, and whether the passkey counts on.

`Candidates` and `PolicyEdits` call it before they look at what was signed. It does not verify the signature itself:
`check_word` and `accept` do, over the very document. It writes nothing; the commit that takes the word counts the use.

- The key MUST be of the person who sends the form, and the document MUST name that person (invariant 2).
"""

from dataclasses import dataclass
from typing import Final

from contracts.errors import AilyusError
from policies.passkey import Assertion
from policies.principal import Key, Person
from receipts.journal.journal import Journal
from server.workspace.release_acceptance import AHEAD_MS

SIGN_MS: Final = 900_000
"""Milliseconds after a page was opened within which its document may be signed."""


@dataclass(frozen=True, slots=True)
class FormSignature:
    """Who signed by their own word, when the page was opened (Unix ms), and the passkey's assertion (WebAuthn)."""

    signer: str
    at_ms: int
    keyid: str
    assertion: Assertion


async def signing_key(journal: Journal, person: Person, signature: FormSignature) -> Key:
    """The key of the person who sends a form.

    Raises `AilyusError`: `unlinked_key` for somebody else's key or word, `expired` for a page that is past its time,
    `bad_signature` for a passkey whose count does not go on, which is a copy (WebAuthn, section 6.1.1).
    """
    key, now = (await journal.registry.keys()).get(signature.keyid), journal.store.now_ms()
    # a key of somebody else is one of theirs to lose: the name in the document alone says nothing
    if key is None or not key.person == person.name == signature.signer:  # guard: a form is signed by who sends it
        raise AilyusError("unlinked_key", "the form is not signed with a key of yours", hint="sign with your passkey")
    if not now - SIGN_MS <= signature.at_ms <= now + AHEAD_MS:  # guard: a form is signed while its page counts
        raise AilyusError("expired", "the page is past its time", hint="open it again")
    if not await journal.registry.grows(signature.keyid, signature.assertion):
        raise AilyusError("bad_signature", "the passkey does not count on from its last use")
    return key
