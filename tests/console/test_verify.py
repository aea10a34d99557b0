"""A passkey's word, checked twice: by py_webauthn and by the browser's own code; one changed bit and neither takes it."""

import base64
import copy
from dataclasses import replace
from typing import Any

import orjson
import pytest

from contracts.errors import AilyusError
from policies.approval import SignedApproval, verify_approval
from policies.passkey import Assertion, decode, encode
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from tests.console.people import People, Person
from tests.console.verifier import in_browser, proof_of, roots_of
from tests.world import MARIA


async def approved(people: People) -> tuple[Person, str]:
    lead = await people.person("lead")
    asked = await people.world.call("reset_user_mfa", MARIA)
    await lead.decide(asked["action_id"])
    done = await people.world.get(asked["action_id"])
    assert done["status"] == "confirmed"
    return lead, str(done["receipt_id"])


def flipped(text: str, at: int) -> str:
    data = bytearray(decode(text))
    data[at] ^= 1
    return encode(bytes(data))


def here(people: People, proof: dict[str, Any]) -> str:
    try:
        verify(orjson.dumps(proof), read_roots(people.world.workspace.root / "roots.json"))
    except AilyusError as error:
        return error.sentence
    return "authentic"


async def test_the_page_verifies_a_receipt(people: People) -> None:
    lead, receipt = await approved(people)
    await lead.go(f"/receipts/{receipt}/verify")
    await lead.page.get_by_role("button", name="verify").click()
    await lead.page.wait_for_selector("#verdict.card")
    text = await lead.text()
    assert "Authentic, under this gateway's own keys" in text
    assert "lead signed as SecurityLead with a passkey key, on the document that was shown: approve" in text
    await lead.page.set_input_files("input[name=roots]", people.world.workspace.root / "roots.json")
    await lead.page.get_by_role("button", name="verify").click()
    await lead.page.get_by_text("under the keys that you brought").wait_for()
    async with lead.page.expect_download() as coming:
        await lead.go(f"/receipts/{receipt}")
        await lead.page.get_by_role("link", name="download the proof").click()
    data = (await (await coming.value).path()).read_bytes()
    assert verify(data, read_roots(people.world.workspace.root / "roots.json")).receipt["status"] == "confirmed"
    assert people.complaints() == []


async def test_every_part_of_a_proof_counts_in_both_verifiers(people: People) -> None:
    lead, receipt = await approved(people)
    proof, roots = proof_of(people, receipt), roots_of(people)
    await lead.go(f"/receipts/{receipt}/verify")
    good = await in_browser(lead, proof, roots)
    assert good["ok"], good
    assert here(people, proof) == "authentic"

    def body(bad: dict[str, Any], label: str) -> dict[str, Any]:
        return next(dict(d) for d in bad["disclosures"] if d["label"] == label)

    spoilt: list[dict[str, Any]] = []
    for part in ("envelope", "proof"):
        for place in (30, -30):
            bad = copy.deepcopy(proof)
            text = bad["statements"][-1][part]
            swapped = "A" if text[place] != "A" else "B"
            at = place % len(text)
            bad["statements"][-1][part] = text[:at] + swapped + text[at + 1 :]
            spoilt.append(bad)
    for label in ("approval", "asked", "params"):
        bad = copy.deepcopy(proof)
        item = next(d for d in bad["disclosures"] if d["label"] == label)
        data = bytearray(base64.b64decode(item["data"]))
        data[len(data) // 2] ^= 1
        item["data"] = base64.b64encode(bytes(data)).decode()
        spoilt.append(bad)
    spoilt.append({**proof, "statements": proof["statements"][1:], "receipt": "rcp_other"})
    for number, bad in enumerate(spoilt):
        assert here(people, bad) != "authentic", number
        assert not (await in_browser(lead, bad, roots))["ok"], number
    other = {**roots, "keys": dict.fromkeys(roots["keys"], "00" * 32)}
    assert not (await in_browser(lead, proof, other))["ok"]
    assert body(proof, "approval")["label"] == "approval"


async def test_a_refusal_is_proven_like_an_approval(people: People) -> None:
    lead = await people.person("lead")
    asked = await people.world.call("reset_user_mfa", MARIA)
    await lead.decide(asked["action_id"], "refuse", "the caller is unknown")
    receipt = str((await people.world.get(asked["action_id"]))["receipt_id"])
    proof = proof_of(people, receipt)
    assert here(people, proof) == "authentic"
    await lead.go(f"/receipts/{receipt}/verify")
    said = await in_browser(lead, proof, roots_of(people))
    assert said["ok"], said
    assert any(c["says"].endswith("on the document that was shown: refuse") for c in said["checks"])


WRONG: dict[str, Any] = {
    "one bit of the signature": lambda a: a.model_copy(update={"signature": flipped(a.signature, 20)}),
    "one bit of the authenticator's data": lambda a: a.model_copy(
        update={"authenticator_data": flipped(a.authenticator_data, 36)}
    ),
    "the user was not verified": lambda a: a.model_copy(
        update={"authenticator_data": encode(bytes([*decode(a.authenticator_data)[:32], 1, 0, 0, 0, 9]))}
    ),
    "another site": lambda a: a.model_copy(update={"authenticator_data": flipped(a.authenticator_data, 0)}),
    "another port": lambda a: a.model_copy(
        update={
            "client_data": encode(
                decode(a.client_data).replace(b'"origin":"http://localhost:', b'"origin":"http://localhost:1')
            )
        }
    ),
    "another challenge": lambda a: a.model_copy(update={"client_data": flipped(a.client_data, 45)}),
    "another credential": lambda a: a.model_copy(update={"credential": flipped(a.credential, 3)}),
    "a page in another page": lambda a: a.model_copy(
        update={"client_data": encode(decode(a.client_data).replace(b'"crossOrigin":false', b'"crossOrigin":true'))}
    ),
}
ASSERTS = "([assertion, digest, about]) => asserts(assertion, unhex(digest), about).then(() => true, () => false)"


async def test_a_changed_word_is_nobodys(people: People) -> None:
    """The document, the assertion and the key: whatever is changed, both verifiers refuse."""
    lead, receipt = await approved(people)
    rows = people.world.rows("SELECT signed FROM approvals")
    signed = SignedApproval.model_validate_json(bytes(rows[0][0]))
    key = (await people.world.app.journal.registry.keys())[signed.keyid]
    assert key.passkey is not None
    assert signed.assertion is not None
    about = {
        "credential": key.passkey.credential,
        "origin": key.passkey.origin,
        "rpId": key.passkey.rp_id,
        "public": key.public.hex(),
    }
    await lead.go(f"/receipts/{receipt}/verify")

    async def both(assertion: Assertion, change: dict[str, Any], public: bytes) -> list[bool]:
        binding = signed.binding.model_copy(update=change)
        word = signed.model_copy(update={"assertion": assertion, "binding": binding})
        said = [assertion.model_dump(), binding.digest, {**about, "public": public.hex()}]
        return [verify_approval(word, replace(key, public=public)), await lead.page.evaluate(ASSERTS, said)]

    assert await both(signed.assertion, {}, key.public) == [True, True]
    for name, change in WRONG.items():
        assert await both(change(signed.assertion), {}, key.public) == [False, False], name
    assert await both(signed.assertion, {"comment": "another"}, key.public) == [False, False]
    assert await both(signed.assertion, {"verdict": "refuse"}, key.public) == [False, False]
    bad_key = key.public[:-1] + bytes([key.public[-1] ^ 1])
    assert await both(signed.assertion, {}, bad_key) == [False, False]
    plain = signed.model_copy(update={"signature": "00" * 64})
    assert not verify_approval(plain, key)
    assert not verify_approval(signed, replace(key, kind="file"))


async def test_a_foreign_passkey_signs_for_nobody_else(people: People) -> None:
    """The second lead's passkey answers the first lead's page: the word is refused, whatever it says of itself."""
    first, second = await people.person("lead"), await people.person("lead-two")
    asked = await people.world.call("reset_user_mfa", MARIA)
    await second.go(f"/approvals/{asked['action_id']}")
    mine = "document.querySelector('form[data-ceremony=approve]')"
    await second.page.evaluate(
        f"() => {{ const form = {mine}, options = JSON.parse(form.dataset.options);"
        " options.binding.approver = 'lead'; form.dataset.options = JSON.stringify(options); }"
    )
    await second.press("approve with a passkey")
    assert "the decision is not yours" in await second.text()
    signed = await people.world.sign(asked["action_id"])
    foreign = next(
        k for k in (await people.world.app.journal.registry.keys()).values() if k.person == second.name and k.passkey
    )
    with pytest.raises(AilyusError) as caught:
        await people.world.app.inbox.decide(signed.model_copy(update={"keyid": foreign.keyid}))
    assert caught.value.code == "unlinked_key"
    assert people.world.sandbox.writes() == 0
    assert first.faults == []
