"""The pages of agents: what each did, its token rotated and revoked by an admin's click, halted and lifted by anybody's."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.people import SECOND_LEAD
from tests.console.visitor import visitor
from tests.world import MARIA, Sandbox, World, gateway, make_workspace

AGENT = "/agents/support-bot"


@pytest.fixture
async def world(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, extra=SECOND_LEAD), sandbox) as running:
        yield running


async def test_an_agents_page_says_how_it_was_used(world: World) -> None:
    await world.call("reset_user_mfa", {**MARIA, "ticket": "4712"})
    await world.call("reset_user_mfa", MARIA)
    async with visitor(world, "requester") as requester:
        listed = await requester.json("/agents.json")
        (row,) = listed["agents"]
        assert (row["name"], row["calls"]) == ("support-bot", {"approval_required": 1, "denied": 1})
        assert world.app.store.now_ms() - 60_000 < row["given_ms"] <= row["last_ms"]
        page = await requester.get(AGENT)
        assert "Calls in 30 days" in page
        assert "An admin rotates or revokes it" in page
        await requester.get("/agents/nobody", 404)
    async with visitor(world, "outsider") as outsider:
        assert (await outsider.json("/agents.json"))["agents"] == []
        await outsider.get(AGENT, 404)


async def test_an_admin_rotates_and_revokes_a_token(world: World) -> None:
    agents = world.app.agents
    async with visitor(world, "lead") as lead:
        form = await lead.form(AGENT, f"{AGENT}/rotate")
        answer = await lead.post(f"{AGENT}/rotate", form)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        (token,) = set(re.findall(r"ailyus_[\w-]{43}", answer.text))
        assert await agents.caller(world.token) is None
        caller = await agents.caller(token)
        assert caller is not None
        assert (caller.agent, caller.person) == ("support-bot", "requester")
        # the page is shown once: who reloads it makes no other token
        again = await lead.post(f"{AGENT}/rotate", form)
        assert again.status_code == 409
        assert "ailyus_" not in again.text
        assert await agents.caller(token) == caller
        assert token not in await lead.get(AGENT)
        assert world.rows("SELECT count(*) FROM statements WHERE instr(envelope, ?) > 0", token.encode()) == [(0,)]
        # who did it stands beside the statement, and not in the log
        assert world.rows("SELECT data FROM evidence WHERE label = 'by'") == [(b"lead",)]
        answer = await lead.submit(AGENT, f"{AGENT}/revoke")
        assert answer.status_code == 303
        assert await agents.caller(token) is None
        page = await lead.get(AGENT)
        assert "Its token is revoked" in page
        assert "rotate now" not in page


async def test_who_is_no_admin_changes_no_token(world: World) -> None:
    async with visitor(world, "requester") as requester:
        assert "rotate now" not in await requester.get(AGENT)
        session = await world.app.console._sessions.find(requester.client.headers["cookie"].partition("=")[2])
        assert session is not None
        for what in ("rotate", "revoke"):
            fields = {"token": session.token(f"{AGENT}/{what}"), "given_ms": "0"}
            answer = await requester.post(f"{AGENT}/{what}", fields)
            assert answer.status_code == 403
            assert "[console] admins" in answer.text
        assert await world.app.agents.caller(world.token) is not None
        # halting needs no admin: whoever sees something wrong stops it
        await requester.submit(AGENT, "/halts", {"reason": "it looks wrong"}, name="support-bot")
        assert [h.name for h in world.app.journal.controls.halts] == ["support-bot"]
        await requester.submit(AGENT, "/halts/lift", name="support-bot")
        assert world.app.journal.controls.halts == ()
