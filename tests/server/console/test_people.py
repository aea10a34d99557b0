"""The passkeys of the page of people: what they are called, when they last signed, and the last one, which is kept."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx2
import orjson

from contracts.canonical import digest
from policies.passkey import decode
from server.console.signed_word import KeyAuthorization
from tests.console.authenticator import Authenticator, signed_in
from tests.web import web
from tests.world import World, ailyus


@dataclass
class Holder:
    """Somebody at the page of people, with passkeys in software."""

    http: httpx2.AsyncClient
    passkey: Authenticator
    cookie: str
    keyid: str = ""

    async def get(self, path: str) -> httpx2.Response:
        return await self.http.get(self.passkey.origin + path, headers={"cookie": self.cookie})

    async def mine(self) -> list[dict[str, Any]]:
        rows = (await self.get("/people.json")).json()["people"]
        (keys,) = [row["keys"] for row in rows if row["name"] == "lead"]
        return [key for key in keys if key["kind"] == "passkey" and not key["revoked"]]

    async def form(self, path: str, about: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The options and the hidden fields of the form that leads to `path` and names `about`."""
        page = (await self.get("/people")).text
        forms = re.findall(rf'<form method="post" action="{path}".*?</form>', page, re.S)
        (form,) = [one for one in map(unescape, forms) if about in one]
        options = re.search(r'data-options="(\{.*?\})">', form)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
        return orjson.loads(options[1]) if options else {}, fields

    async def post(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        headers = {"cookie": self.cookie, "origin": self.passkey.origin}
        return await self.http.post(self.passkey.origin + path, data=fields, headers=headers)

    def signed(self, word: dict[str, Any]) -> str:
        said = KeyAuthorization.model_validate(word)
        assertion = self.passkey.sign(bytes.fromhex(said.digest)).model_dump()
        return orjson.dumps({"word": said.model_dump(), "keyid": self.keyid, "assertion": assertion}).decode()


async def holder(http: httpx2.AsyncClient, world: World) -> Holder:
    passkey = Authenticator(world.app.console.origin)
    found = Holder(http, passkey, await signed_in(http, await world.app.console.introduce("lead"), passkey))
    found.keyid = (await found.mine())[0]["keyid"]
    return found


async def test_a_passkey_has_the_name_that_its_person_gave_it_and_says_when_it_signed(world: World) -> None:
    async with web() as http:
        lead = await holder(http, world)
        (first,) = await lead.mine()
        assert first["name"] == ""
        assert first["used_ms"] > world.app.store.now_ms() - 600_000  # it signed in
        _, fields = await lead.form("/people/name", lead.keyid)
        assert (await lead.post("/people/name", {**fields, "name": " the laptop "})).status_code == 303
        assert (await lead.mine())[0]["name"] == "the laptop"
        page = (await lead.get("/people")).text
        assert '<span class="said">the laptop</span>' in page
        assert "revoke the laptop with a passkey" in page
        # a name is short, and only of a passkey of one's own
        assert (await lead.post("/people/name", {**fields, "name": "x" * 61})).status_code == 403
        other = next(k for k in (await world.app.journal.registry.keys()).values() if k.person == "requester")
        assert (await lead.post("/people/name", {**fields, "keyid": other.keyid, "name": "x"})).status_code == 403
        assert (await lead.mine())[0]["name"] == "the laptop"
        # a further one is named where it is brought; one that has not signed yet says so
        options, fields = await lead.form("/people/add", "")
        phone = Authenticator(lead.passkey.origin, credential=b"another passkey")
        made = phone.make(decode(options["challenge"]))
        word = options["word"] | {"about": digest(made.attestation_object)}
        sent = {"attestation": made.model_dump_json(), "signed": lead.signed(word), "name": "the phone"}
        assert (await lead.post("/people/add", {**fields, **sent})).status_code == 303
        laptop, phone_row = sorted(await lead.mine(), key=lambda key: str(key["name"]))
        assert (laptop["name"], laptop["last"], phone_row["name"], phone_row["last"]) == (
            "the laptop",
            False,
            "the phone",
            False,
        )
        assert phone_row["used_ms"] is None
        listed = await ailyus(world, "person", "list")
        assert any("the phone" in line and phone_row["keyid"] in line for line in listed.splitlines())


async def test_the_last_passkey_of_a_person_is_revoked_only_by_an_extra_word(world: World) -> None:
    async with web() as http:
        lead = await holder(http, world)
        assert [key["last"] for key in await lead.mine()] == [True]
        options, fields = await lead.form("/people/revoke", f'"about":"{lead.keyid}"')
        signed = lead.signed(options["word"])
        refused = await lead.post("/people/revoke", {**fields, "signed": signed})
        assert refused.status_code == 403
        assert "it is the last passkey of its person" in refused.text
        assert [key["keyid"] for key in await lead.mine()] == [lead.keyid]
        # the same word, which the refusal did not use up
        assert (await lead.post("/people/revoke", {**fields, "signed": signed, "last": "yes"})).status_code == 303
        assert (await world.app.journal.registry.keys())[lead.keyid].revoked
        assert "/sign-in" in (await lead.get("/people")).headers["location"]
