"""Passkeys of every algorithm that is taken, and words that are not."""

import re
from typing import Any

import httpx2
import orjson
import pytest

from contracts.errors import AilyusError
from policies.approval import SignedApproval, verify_approval
from policies.passkey import asserts, attested, decode, encode
from policies.principal import Key, Passkey, keyid_of
from tests.console.authenticator import Authenticator, signed_in
from tests.console.people import People
from tests.console.verifier import in_browser, proof_of, roots_of
from tests.web import web
from tests.world import MARIA

ORIGIN = "http://localhost:8420"
CHALLENGE = bytes(range(32))


def key_of(passkey: Authenticator, origin: str = ORIGIN) -> Key:
    at = Passkey(encode(passkey.credential), "localhost", origin)
    return Key(keyid_of(passkey.cose), passkey.cose, "lead", "passkey", passkey=at)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_word_of_each_algorithm(algorithm: str) -> None:
    passkey = Authenticator(ORIGIN, algorithm)
    assert attested(passkey.make(CHALLENGE), CHALLENGE, "localhost", ORIGIN) == passkey.cose
    word, key = passkey.sign(CHALLENGE), key_of(passkey)
    assert asserts(word, CHALLENGE, key) == 2
    assert asserts(word, CHALLENGE, key, uses=1) == 2
    assert asserts(word, CHALLENGE, key, uses=2) is None  # a count that stands still: a copied authenticator
    assert asserts(word, bytes(32), key) is None
    assert asserts(word, CHALLENGE, key_of(Authenticator(ORIGIN, algorithm))) is None
    assert asserts(word, CHALLENGE, key_of(passkey, "http://localhost:8421")) is None
    for part in ("client_data", "authenticator_data", "signature"):
        data = bytearray(decode(getattr(word, part)))
        for place in (0, len(data) // 2, len(data) - 1):
            changed = bytes([*data[:place], data[place] ^ 1, *data[place + 1 :]])
            assert asserts(word.model_copy(update={part: encode(changed)}), CHALLENGE, key) is None, (part, place)


def test_a_user_who_is_only_present_is_not_verified() -> None:
    passkey = Authenticator(ORIGIN, flags=0x01)
    with pytest.raises(AilyusError, match="does not verify"):
        attested(passkey.make(CHALLENGE), CHALLENGE, "localhost", ORIGIN)
    assert asserts(passkey.sign(CHALLENGE), CHALLENGE, key_of(passkey)) is None


@pytest.mark.parametrize("text", ["a", "ab=", "a b", "é", "AB", "/w", "+w"])
def test_other_forms_of_base64url_are_refused(text: str) -> None:
    with pytest.raises(AilyusError, match="no base64url"):
        decode(text)


@pytest.mark.parametrize("field", ["origin", "rp", "challenge"])
def test_a_new_passkey_of_another_place(field: str) -> None:
    passkey = Authenticator("http://localhost:1" if field == "origin" else ORIGIN)
    rp = "example.com" if field == "rp" else "localhost"
    with pytest.raises(AilyusError, match="does not verify"):
        attested(passkey.make(CHALLENGE), bytes(32) if field == "challenge" else CHALLENGE, rp, ORIGIN)


async def options_of(http: httpx2.AsyncClient, url: str, cookie: str) -> tuple[dict[str, Any], str]:
    from html import unescape

    page = (await http.get(url, headers={"cookie": cookie})).text
    form = re.search(r'data-ceremony="approve" data-options="([^"]+)".*?name="token" value="([^"]+)"', page, re.S)
    assert form, page
    return dict(orjson.loads(unescape(form[1]))), form[2]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_approved_by_each_algorithm_and_verified_in_the_browser(people: People, algorithm: str) -> None:
    """Chromium's own virtual authenticators use Ed25519; what other people's use is verified too."""
    world = people.world
    passkey = Authenticator(world.app.console.origin, algorithm)
    asked = await world.call("reset_user_mfa", MARIA)
    async with web() as http:
        cookie = await signed_in(http, await world.app.console.introduce("lead"), passkey)
        url = f"{passkey.origin}/approvals/{asked['action_id']}"
        options, token = await options_of(http, url, cookie)
        binding = {**options["binding"], "verdict": "approve", "comment": "by hand"}
        signed = SignedApproval.model_validate({"binding": binding, "keyid": options["keys"][0]["keyid"]})
        word = passkey.sign(bytes.fromhex(signed.binding.digest))
        signed = signed.model_copy(update={"assertion": word})
        key = (await world.app.journal.registry.keys())[signed.keyid]
        assert verify_approval(signed, key)
        fields = {"token": token, "signed": signed.model_dump_json()}
        headers = {"cookie": cookie, "origin": passkey.origin}
        answer = await http.post(f"{url}/decide", data=fields, headers=headers)
        assert answer.status_code == 303, answer.text
    done = await world.get(asked["action_id"])
    assert done["status"] == "confirmed"
    other = await people.person("lead-two")
    await other.go(f"/receipts/{done['receipt_id']}/verify")
    proof = proof_of(people, done["receipt_id"])
    said = await in_browser(other, proof, roots_of(people))
    assert said["ok"], said
    assert any("passkey key" in check["says"] for check in said["checks"])


async def test_a_sign_in_is_answered_once(people: People) -> None:
    origin = people.world.app.console.origin
    passkey = Authenticator(origin)
    async with web() as http:
        await signed_in(http, await people.world.app.console.introduce("lead"), passkey)
        page = (await http.get(f"{origin}/sign-in")).text
        found = re.search(r'name="challenge" value="([^"]+)"', page)
        assert found
        fields = {
            "challenge": found[1],
            "to": "//evil.example",
            "signed": passkey.sign(decode(found[1])).model_dump_json(),
        }
        first = await http.post(f"{origin}/sign-in", data=fields, headers={"origin": origin})
        assert (first.status_code, first.headers["location"]) == (303, "/")  # never to another host
        assert "Secure; HttpOnly; SameSite=Lax" in first.headers["set-cookie"]
        again = await http.post(f"{origin}/sign-in", data=fields, headers={"origin": origin})
        assert again.status_code == 401
        own = encode(bytes(32))
        made_up = {"challenge": own, "signed": passkey.sign(bytes(32)).model_dump_json()}
        assert (await http.post(f"{origin}/sign-in", data=made_up, headers={"origin": origin})).status_code == 401
        big = await http.post(f"{origin}/sign-in", data={"signed": "x" * 300_000}, headers={"origin": origin})
        assert big.status_code == 403
