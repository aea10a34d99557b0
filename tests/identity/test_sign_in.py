"""Signing in by OpenID Connect, and what an approval rests on when the provider's word is old."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import JsonValue

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.journal.roles import FRESH_MS, role_fact
from receipts.log.signing import create_key
from receipts.store.row import blob, integer
from receipts.store.transaction import Txn
from server.approvals.keys import NewKey, link_new
from server.workspace.free_port import free_port
from tests.free import free
from tests.identity.provider import CLIENT, SECRET, Idp
from tests.web import web
from tests.world import MARIA, Sandbox, World, app_serving, gateway, make_workspace

PART = """
[[people]]
name = "rita"
tenant = "acme"
issuer = "{url}"
subject = "rita-1"
roles = ["SecurityLead", "Support"]

[console.oidc]
issuer = "{url}"
client_id = "{client}"
client_secret = "file:.ailyus/secrets/oidc"
roles = {{ "leads" = "SecurityLead" }}
"""


@dataclass
class House:
    world: World
    idp: Idp

    @property
    def origin(self) -> str:
        return self.world.app.console.origin

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx2.AsyncClient]:
        async with web(timeout=20) as http:
            yield http

    async def through(self, http: httpx2.AsyncClient, to: str = "/inbox") -> httpx2.Response:
        """Begin, be at the provider, come back; cookies are carried by hand, as they are `Secure`."""
        begun = await http.get(f"{self.origin}/sign-in/provider?to={to}")
        there = await http.get(begun.headers["location"])
        return await http.get(there.headers["location"], headers={"cookie": cookie_of(begun)})


def cookie_of(answer: httpx2.Response) -> str:
    return "; ".join(v.partition(";")[0] for v in answer.headers.get_list("set-cookie") if "Max-Age=0" not in v)


@pytest.fixture
async def house(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[House]:
    idp = Idp(free_port())
    workspace = make_workspace(tmp_path / "w", sandbox)
    toml = workspace.root / "ailyus.toml"
    part = PART.format(url=idp.url, client=CLIENT)
    toml.write_text(toml.read_text() + part)
    (workspace.root / ".ailyus" / "secrets" / "oidc").write_text(SECRET + "\n")
    async with app_serving(idp.app(), idp.port):
        async with gateway(type(workspace).open(workspace.root), sandbox) as world:
            yield House(world, idp)


@pytest.mark.parametrize("in_token", [True, False])
async def test_somebody_signs_in_and_holds_what_the_provider_says(house: House, in_token: bool) -> None:
    house.idp.in_token = in_token
    async with house.browser() as http:
        assert "sign in with your organisation" in (await http.get(f"{house.origin}/sign-in")).text
        back = await house.through(http, "/policies")
        assert (back.status_code, back.headers["location"]) == (303, "/policies"), back.text
        session = cookie_of(back)
        assert "__Host-ailyus=" in session
        page = await http.get(f"{house.origin}/people", headers={"cookie": session})
        assert page.status_code == 200
    rita = house.world.app.runner.release.people.get("rita")
    assert rita is not None
    # its word counts, not the file's: SecurityLead is mapped, Support is not
    assert await house.world.app.journal.roles.last_known(rita) == {"SecurityLead"}
    (row,) = house.world.rows("SELECT refresh FROM role_facts")
    assert b"a-refresh-token" not in bytes(row[0])


async def test_answers_that_do_not_belong_or_do_not_hold_open_nothing(house: House) -> None:
    async with house.browser() as http:
        begun = await http.get(f"{house.origin}/sign-in/provider")
        cookie = cookie_of(begun)
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == [f"{house.origin}/sign-in/back"]
        there = (await http.get(begun.headers["location"])).headers["location"]
        for address, sent in (
            (there, ""),  # another browser
            (there, cookie[:-1] + ("0" if cookie[-1] != "0" else "1")),  # a cookie that was changed
            (there.replace("state=", "state=x"), cookie),
            (there.replace("iss=", "iss=x"), cookie),
            (there + "&error=access_denied", cookie),
            (there.replace("code=", "code=x"), cookie),
        ):
            answer = await http.get(address, headers={"cookie": sent} if sent else {})
            assert answer.status_code == 401, (address, answer.text)
            assert "__Host-ailyus=" not in cookie_of(answer)
        good = await http.get(there, headers={"cookie": cookie})
        assert good.status_code == 303
        assert (await http.get(there, headers={"cookie": cookie})).status_code == 401, "a code is used once"


async def test_an_identity_token_for_another_question_or_of_nobody_is_refused(house: House) -> None:
    async with house.browser() as http:
        house.idp.nonce = "another"
        assert (await house.through(http)).status_code == 401
        house.idp.nonce = None
        house.idp.subject = "nobody-1"
        assert (await house.through(http)).status_code == 401
        house.idp.subject = "rita-1"
        house.idp.kind = "logout+jwt"
        assert (await house.through(http)).status_code == 401
        house.idp.kind = "JWT"
        away = await house.through(http, "//evil.example.com")
        assert away.headers["location"] == "/"


async def signed(house: House) -> str:
    """Rita, with a key of her own, approves; returns the action."""
    asked = await house.world.call("reset_user_mfa", MARIA)
    await house.world.approve(asked["action_id"], "rita")
    return str(asked["action_id"])


async def with_key(house: House) -> None:
    """A key of Rita's own, as an admin links one."""
    path = house.world.workspace.key_file("rita")
    public = create_key(path).public_key().public_bytes_raw().hex()
    await link_new(house.world.app.runner, NewKey(person="rita", public=public, kind="file"))


async def aged(house: House) -> None:
    """As if the provider had said it 15 minutes ago, by a statement of that time."""
    journal = house.world.app.journal
    rita = house.world.app.runner.release.people.get("rita")
    assert rita is not None
    holder = journal.notary.pseudonym(rita.tenant, "person", rita.name)

    (row,) = await journal.store.read("SELECT roles, at_ms, refresh FROM role_facts WHERE person = ?", rita.name)

    def work(txn: Txn) -> None:
        at_ms = integer(row[1]) - FRESH_MS - 1
        fact = role_fact(journal.notary.tenant_key(rita.tenant), rita.name, str(row[0]), at_ms, blob(row[2]))
        facts: dict[str, JsonValue] = {"event": "told", "holder": holder, "fact": fact}
        subject = {holder: sha256(fact.encode())}
        journal.notary.sign_gateway_statement(
            free("role", facts), new_id("rcp"), rita.tenant, subject, txn.now_ms
        ).insert(txn)
        txn.write("UPDATE role_facts SET at_ms = ? WHERE person = ?", at_ms, rita.name)

    await journal.store.write(work)


async def test_an_old_word_is_read_again_before_an_approval_rests_on_it(house: House) -> None:
    async with house.browser() as http:
        assert (await house.through(http)).status_code == 303
    await with_key(house)
    rita = house.world.app.runner.release.people.get("rita")
    assert rita is not None
    roles = house.world.app.journal.roles
    assert await roles.fresh(rita) == {"SecurityLead"}
    assert house.idp.refreshed == 0
    await aged(house)
    assert await roles.fresh(rita) == {"SecurityLead"}
    assert house.idp.refreshed == 1
    action = await signed(house)
    ended = await house.world.get(action)
    assert ended["status"] == "confirmed", ended


@pytest.mark.parametrize("what", ["left the group", "revoked", "down"])
async def test_who_lost_the_role_since_approves_nothing(house: House, what: str, sandbox: Sandbox) -> None:
    async with house.browser() as http:
        assert (await house.through(http)).status_code == 303
    await with_key(house)
    if what == "left the group":
        house.idp.groups["rita-1"] = []
    house.idp.revoked, house.idp.is_down = what == "revoked", what == "down"
    await aged(house)
    with pytest.raises(AilyusError, match="role"):
        await signed(house)
    assert sandbox.writes("reset_factors") == 0


async def test_whoever_never_signed_in_holds_nothing(house: House) -> None:
    rita = house.world.app.runner.release.people.get("rita")
    lead = house.world.app.runner.release.people.get("lead")
    assert rita is not None
    assert lead is not None
    assert await house.world.app.journal.roles.fresh(rita) == frozenset()
    assert "SecurityLead" in await house.world.app.journal.roles.fresh(lead)
