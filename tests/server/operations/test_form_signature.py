"""A signature under a form: whose key it is, when its page was opened, and a passkey that counts on."""

from dataclasses import replace

import pytest

from contracts.errors import AilyusError
from server.operations.form_signature import SIGN_MS, FormSignature, signing_key
from tests.journeys.candidates import Signer
from tests.world import World


async def test_a_form_is_signed_by_who_sends_it_while_its_page_counts(world: World) -> None:
    journal, signer = world.app.journal, await Signer(world, "lead").linked()
    people = world.app.runner.release.people
    lead, requester = people.get("lead"), people.get("requester")
    assert lead is not None
    assert requester is not None
    now = journal.store.now_ms()
    good = FormSignature("lead", now, signer.key.keyid, signer.passkey.sign(b"anything"))
    assert await signing_key(journal, lead, good) == signer.key
    assert await signing_key(journal, lead, replace(good, at_ms=now - SIGN_MS + 60_000)) == signer.key
    for person, signature, code in (
        (requester, good, "unlinked_key"),
        (requester, replace(good, signer="requester"), "unlinked_key"),  # their own word, with somebody else's key
        (lead, replace(good, signer="requester"), "unlinked_key"),
        (lead, replace(good, keyid="0" * 64), "unlinked_key"),
        (lead, replace(good, at_ms=now - SIGN_MS - 1), "expired"),
        (lead, replace(good, at_ms=now + SIGN_MS), "expired"),
    ):
        with pytest.raises(AilyusError) as caught:
            await signing_key(journal, person, signature)
        assert caught.value.code == code, signature
