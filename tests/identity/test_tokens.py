"""Access tokens of an authorization server: who they are for, and every way in which they are not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.identity.resource_metadata import METADATA_PATH
from tests.identity.issuer import RESOURCE, Issuer, issued, other_key
from tests.slowness import scaled
from tests.web import web
from tests.world import Sandbox, World, cli

Both = tuple[World, Issuer]
LEO = {"user_id": "00u2leo000001", "reason": "locked out since this morning"}
LIST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "find_user", "arguments": {"email": "maria@example.com"}},
}


@pytest.fixture
async def both(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Both]:
    async with issued(tmp_path / "w", sandbox) as found:
        yield found


async def post(world: World, token: str, **headers: str) -> httpx2.Response:
    sent = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
        **headers,
    }
    async with web(timeout=20) as http:
        return await http.post(world.url, json=LIST, headers=sent)


WRONG: dict[str, Callable[[Issuer], str]] = {
    "another audience": lambda i: i.token(aud="https://other.example.com/mcp"),
    "no audience": lambda i: i.token(aud=None),
    "another issuer": lambda i: i.token(iss="https://evil.example.com"),
    "a person of another issuer": lambda i: i.token(iss="local", sub="requester"),
    "algorithm none": lambda i: i.unsigned(),
    "HS256 with the public key": lambda i: i.with_public_key_as_secret(),
    "an algorithm that is not listed": lambda i: i.token(algorithm="ES384", key=_p384()),
    "expired": lambda i: i.token(exp=time.time() - 1),
    "without an end": lambda i: i.token(exp=None),
    "not yet valid": lambda i: i.token(nbf=time.time() + 60),
    "an unknown key": lambda i: i.token(key=other_key()),
    "a key id that nobody knows": lambda i: _named(i, "k9"),
    "no subject": lambda i: i.token(sub=None),
    "nobody who is declared": lambda i: i.token(sub="nobody"),
    "an agent that is not registered": lambda i: i.token(act={"sub": "other-bot"}),
    "an agent of another tenant": lambda i: i.token(sub="otto-1"),
    "an actor that is no object": lambda i: i.token(act="support-bot"),
    "a signature cut": lambda i: i.token()[:-8],
    "another's claims": lambda i: _swapped(i),
    "an identity token": lambda i: i.token(aud="a-client"),
    "a token of 10 kB": lambda i: i.token(more="x" * 10_000),
    "nothing like a token": lambda i: "x",
}


def _p384() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP384R1())


def _named(issuer: Issuer, keyid: str) -> str:
    issuer.keys[keyid] = other_key()
    token = issuer.token(keyid=keyid)
    del issuer.keys[keyid]
    return token


def _swapped(issuer: Issuer) -> str:
    good, other = issuer.token().split("."), issuer.token(act={"sub": "admin-bot"}).split(".")
    return ".".join((good[0], other[1], good[2]))


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_refused_with_metadata_and_leaves_no_record(both: Both, name: str) -> None:
    world, issuer = both
    before = world.rows("SELECT count(*) FROM statements")
    answer = await post(world, WRONG[name](issuer))
    assert answer.status_code == 401, answer.text
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="https://ailyus.example.com{METADATA_PATH}/mcp"' in challenge
    assert world.rows("SELECT count(*) FROM statements") == before


async def test_a_client_that_is_not_mapped_is_nobody(both: Both) -> None:
    """It bears the name of an agent that is registered, and no line of the settings says that it is that agent."""
    world, issuer = both
    await world.app.agents.add("night-bot", "acme", "requester", None, frozenset({"Support"}), False)
    for claims in ({"act": {"sub": "night-bot"}}, {"act": None, "client_id": "night-bot"}):
        answer = await post(world, issuer.token(**claims))
        assert answer.status_code == 401, answer.text
    assert (await post(world, issuer.token())).status_code == 200


async def test_a_good_token_is_its_person_through_its_agent(both: Both) -> None:
    world, issuer = both
    answer = await post(world, issuer.token())
    assert answer.json()["result"]["structuredContent"]["status"] == "confirmed"
    rows = world.rows("SELECT agent FROM statements WHERE kind = 'outcome'")
    assert [row[0] for row in rows] == ["support-bot"]
    asked = await world.call("unlock_user", LEO, issuer.token())
    assert asked["status"] == "confirmed", asked
    action = await world.app.journal.get(asked["action_id"])
    assert action is not None
    assert (action.caller.person, action.caller.agent, action.caller.issuer) == ("maria", "support-bot", issuer.url)


async def test_a_token_without_an_actor_looks_and_writes_nothing(both: Both, sandbox: Sandbox) -> None:
    world, issuer = both
    token = issuer.token(act=None)
    assert (await world.call("find_user", {"email": "maria@example.com"}, token))["status"] == "confirmed"
    answer = await world.call("unlock_user", LEO, token)
    assert answer["status"] == "denied", answer
    assert sandbox.writes("unlock") == 0
    async with world.client(token=token) as client:
        assert "unlock_user" not in {tool.name for tool in (await client.list_tools()).tools}
    plan = {"steps": [{"id": "a", "tool": "unlock_user", "with": LEO}], "reason": "it was asked for"}
    assert (await world.call("run_plan", plan, token))["status"] in ("denied", "invalid")
    assert sandbox.writes("unlock") == 0


async def test_metadata_says_who_issues_tokens(both: Both) -> None:
    world, issuer = both
    origin = world.url.removesuffix("/mcp")
    async with web() as http:
        for path in (METADATA_PATH, f"{METADATA_PATH}/mcp"):
            found = (await http.get(origin + path)).json()
            assert found["resource"] == RESOURCE
            assert found["authorization_servers"] == [issuer.url]


async def test_a_thousand_calls_verify_one_token_once(both: Both) -> None:
    world, issuer = both
    tokens, token = world.app.tokens, issuer.token()
    assert tokens is not None
    for _ in range(1000):
        assert await world.app.agents.caller(token) is not None
    assert tokens.verified == 1
    looked = issuer.looked
    await post(world, token)
    assert (tokens.verified, issuer.looked <= looked + 1) == (1, True)


async def test_a_rotated_key_is_found_and_the_old_one_ends(both: Both) -> None:
    world, issuer = both
    old = issuer.token()
    assert (await post(world, old)).status_code == 200
    issuer.rotate("k2")
    assert (await post(world, issuer.token())).status_code == 200
    assert (await post(world, old)).status_code == 401


async def test_an_old_key_ends_by_itself_when_its_set_is_past_its_time(both: Both) -> None:
    world, issuer = both
    old = issuer.token()
    assert (await post(world, old)).status_code == 200
    issuer.rotate("k2")
    await asyncio.sleep(2.1)
    assert (await post(world, old)).status_code == 401


async def test_an_issuer_that_is_down_ends_nobody_and_lets_nobody_new_in(both: Both) -> None:
    world, issuer = both
    token = issuer.token()
    assert (await post(world, token)).status_code == 200
    issuer.is_down = True
    await asyncio.sleep(2.1)
    assert (await post(world, token)).status_code == 200
    assert (await post(world, _named(issuer, "k9"))).status_code == 401


async def test_a_token_ends_with_its_time_with_its_agent_and_with_its_person(both: Both) -> None:
    world, issuer = both
    short = issuer.token(exp=time.time() + 2)
    assert (await post(world, short)).status_code == 200
    await asyncio.sleep(2.1)
    assert (await post(world, short)).status_code == 401
    token = issuer.token()
    assert (await post(world, token)).status_code == 200
    await world.app.agents.change("support-bot", revoke=True)
    assert (await post(world, token)).status_code == 401
    assert (await post(world, world.token)).status_code == 401


async def test_an_approved_action_is_not_sent_when_its_agent_was_revoked_meanwhile(
    both: Both, sandbox: Sandbox
) -> None:
    world, issuer = both
    arguments = {"user_id": "00u1maria0001", "ticket": "4711", "reason": "the phone was stolen, see the ticket"}
    asked = await world.call("reset_user_mfa", arguments, issuer.token())
    assert asked["status"] == "approval_required", asked
    await world.app.agents.change("support-bot", revoke=True)
    await world.approve(asked["action_id"])
    end = time.monotonic() + scaled(10)
    while (action := await world.app.journal.get(asked["action_id"])) is not None and action.state != "ended":
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    assert action is not None
    assert action.status == "denied"
    assert sandbox.writes("reset_factors") == 0


async def test_an_approved_action_of_a_token_is_carried_on(both: Both) -> None:
    world, issuer = both
    arguments = {"user_id": "00u1maria0001", "ticket": "4711", "reason": "the phone was stolen, see the ticket"}
    token = issuer.token()
    asked = await world.call("reset_user_mfa", arguments, token)
    await world.approve(asked["action_id"])
    ended = await world.call("get_action", {"action_id": asked["action_id"], "wait_seconds": 30}, token)
    assert ended["status"] == "confirmed", ended


async def test_a_session_of_another_is_refused(both: Both) -> None:
    world, issuer = both
    start = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}},
    }
    headers = {"authorization": f"Bearer {world.token}", "accept": "application/json, text/event-stream"}
    async with web(timeout=20) as http:
        session = (await http.post(world.url, json=start, headers=headers)).headers["mcp-session-id"]
    before = world.rows("SELECT count(*) FROM statements")
    answer = await post(world, issuer.token(), **{"mcp-session-id": session})
    assert answer.status_code == 403, answer.text
    assert "resource_metadata=" in answer.headers["www-authenticate"]
    assert (await post(world, issuer.token(), **{"mcp-session-id": session[:-1] + "0"})).status_code in (403, 404)
    assert (await post(world, world.token, **{"mcp-session-id": "0" * 32})).status_code == 404
    assert world.rows("SELECT count(*) FROM statements") == before
    assert (await post(world, world.token, **{"mcp-session-id": session})).status_code == 200


async def test_who_brings_no_token_is_told_where_to_get_one(both: Both) -> None:
    world, _ = both
    async with web() as http:
        answer = await http.post(world.url, json=LIST, headers={"accept": "application/json"})
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge == f'Bearer resource_metadata="https://ailyus.example.com{METADATA_PATH}/mcp"'


async def test_the_doctor_asks_the_issuer(both: Both) -> None:
    world, issuer = both
    root = str(world.workspace.root)
    said = await asyncio.to_thread(cli, "doctor", "-w", root, ok=None)
    assert f"OK   oauth: {issuer.url}, 1 keys, 2 people" in said
    issuer.is_down = True
    said = await asyncio.to_thread(cli, "doctor", "-w", root, ok=None)
    assert f"FAIL oauth: {issuer.url} gives no keys" in said
