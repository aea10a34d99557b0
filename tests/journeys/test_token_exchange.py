"""A connection that exchanges people's own access tokens: the target sees who asks, and nobody else sees a token."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from server.operations.halts import NewHalt, halt, lift
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.authorization_server import AuthorizationServer, authorization_server
from tests.books import books_workspace
from tests.identity.issuer import PEOPLE, RESOURCE, Issuer
from tests.log_lines import heard
from tests.until import until
from tests.world import Sandbox, World, app_serving, gateway

APPROVAL = """
@id("a-lead-approves-books") forbid (principal, action == Action::"put_book", resource)
unless { context.approvals.SecurityLead >= 1 };
"""
KIND = "urn:ietf:params:oauth:grant-type:token-exchange"


@dataclass
class Exchange:
    """A gateway that takes the tokens of `issuer`, and a connection whose `server` exchanges them."""

    world: World
    issuer: Issuer
    server: AuthorizationServer

    async def put(self, value: str, token: str | None = None) -> dict[str, Any]:
        return await self.world.call("put_book", {"book": "b1", "value": value}, token)


@asynccontextmanager
async def exchanging(folder: Path, sandbox: Sandbox, *, guarded: bool = False) -> AsyncIterator[Exchange]:
    issuer = Issuer(free_port())
    people = PEOPLE.format(url=issuer.url, resource=RESOURCE)
    with authorization_server() as server:
        server.set(trusts=issuer.url, trusted_audience=RESOURCE)
        workspace = books_workspace(folder, sandbox, server, grant="token_exchange", more=people)
        if guarded:
            (workspace.root / "policies" / "approval.cedar").write_text(APPROVAL)
        async with app_serving(issuer.app(), issuer.port), gateway(workspace, sandbox) as world:
            yield Exchange(world, issuer, server)


async def test_the_target_sees_the_requester_and_nobody_else_sees_a_token(tmp_path: Path, sandbox: Sandbox) -> None:
    async with exchanging(tmp_path / "w", sandbox) as made:
        with heard() as lines:
            # a call with the agent's own token brings none of the person's
            without = await made.put("one")
            assert (without["status"], without["changed"]) == ("unavailable", False)
            assert without["error"]["code"] == "not_connected"
            assert "connect" not in without
            assert made.server.log(KIND) == []
            token = made.issuer.token()
            answers = [await made.put("one", token), await made.put("two", token)]
            assert [one["status"] for one in answers] == ["confirmed", "confirmed"]
            assert made.server.state()["records"]["b1"]["by"] == "maria-1"
            assert len(made.server.log(KIND)) == 1  # one token serves reads and writes until its end
            held = made.world.app.connections.subjects.of("maria")
            assert held is not None
            assert held.value == token
            # it is hers, and serves no call for somebody else
            assert (await made.put("three"))["error"]["code"] == "not_connected"
            access = {one.token for one in made.world.app.connections.access_tokens._fetched._known.values()}
            said = repr([answers, lines, [made.world.proof(one["receipt_id"]) for one in answers]]).encode()
        files = b"".join(path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file())
        assert len(access) == 1
        for secret in (token, *access):
            assert secret.encode() not in said
            assert secret.encode() not in files
    assert made.world.app.connections.subjects.of("maria") is None


async def test_a_token_that_the_server_takes_no_more_is_told_and_a_new_one_serves(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with exchanging(tmp_path / "w", sandbox) as made:
        made.server.set(trusted_audience="https://other.example.com")
        refused = await made.put("one", made.issuer.token())
        assert (refused["status"], refused["error"]["code"]) == ("unavailable", "not_connected")
        receipt = made.world.proof(refused["receipt_id"]).receipt
        assert (receipt["code"], receipt["unavailable"]) == ("not_connected", "books")
        made.server.set(trusted_audience=RESOURCE)
        assert (await made.put("one", made.issuer.token(more="new")))["status"] == "confirmed"


async def test_what_people_approved_waits_for_the_next_token_of_the_requester(tmp_path: Path, sandbox: Sandbox) -> None:
    async with exchanging(tmp_path / "w", sandbox, guarded=True) as made:
        token = made.issuer.token()
        asked = await made.put("one", token)
        assert asked["status"] == "approval_required"
        signed = await made.world.sign(asked["action_id"])
        made.world.app.connections.subjects.close()  # as after a restart
        made.world.app.connections.access_tokens._fetched._known.clear()
        with heard() as lines:
            with pytest.raises(AilyusError, match="no call has brought one"):
                await made.world.app.inbox.decide(signed)  # who approves is shown how it stands
            made.world.app.connections.subjects.keep("maria", token, time.time() + 60)
            stop = NewHalt(scope="contract", name="put_book", by="lead", reason="so that the token is gone first")
            await halt(made.world.app.runner, made.world.app.agents, stop)
            await made.world.app.inbox.decide(signed)
            made.world.app.connections.subjects.close()
            made.world.app.connections.access_tokens._fetched._known.clear()
            await lift(made.world.app.runner, "contract", "put_book", "lead")
            await until(lambda: made.world.app.runner.running_action(asked["action_id"]))
            assert made.server.state()["records"] == {}
            about = {"action_id": asked["action_id"], "wait_seconds": 30}
            assert (await made.world.call("get_action", about, token))["status"] == "confirmed"
        assert "unavailable" not in {line["event"] for line in lines}


async def test_without_an_issuer_of_agents_tokens_there_is_nothing_to_exchange(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    with authorization_server() as server, pytest.raises(AilyusError, match="needs `\\[oauth\\]`") as caught:
        Workspace.open(books_workspace(tmp_path / "w", sandbox, server, grant="token_exchange").root)
    assert caught.value.code == "bad_settings"
