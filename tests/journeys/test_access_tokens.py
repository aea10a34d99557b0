"""Agents call systems that want access tokens: those are got, refreshed and kept, and nobody ever sees one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.oauth import client_tokens
from adapters.oauth.token_answer import TokenAnswer
from receipts.store.transaction import Txn
from receipts.tables import grants
from server.operations.halts import NewHalt, halt, lift
from tests.authorization_server import AuthorizationServer
from tests.books import books, books_workspace, consenting
from tests.connected import Connected
from tests.log_lines import heard
from tests.postgres import Postgres
from tests.replicas.pair import copied
from tests.until import until
from tests.world import Sandbox, World, gateway

READ, BOTH = "records:read", "records:read records:write"


async def put(world: World, book: str, value: str) -> dict[str, Any]:
    return await world.call("put_book", {"book": book, "value": value})


def granted(server: AuthorizationServer, kind: str) -> int:
    """How often tokens were given by a grant."""
    return sum(entry.get("status") == 200 for entry in server.log(kind))


def refused(server: AuthorizationServer) -> list[str]:
    """The requests that the API answered with 401."""
    return [entry["method"] for entry in server.log("api") if entry["status"] == 401]


async def ends(world: World) -> None:
    """The tokens that the store keeps end now."""

    def work(txn: Txn) -> None:
        txn.write("UPDATE grants SET expires_ms = 1, next_ms = 1", rows=None)

    await world.app.store.write(work)


async def test_a_client_gets_its_tokens_by_its_own_right(tmp_path: Path, sandbox: Sandbox) -> None:
    async with consenting() as (server, _), books(tmp_path / "w", sandbox, server, grant="client_credentials") as made:
        answers = await asyncio.gather(*(put(made.world, f"b{n}", "x") for n in range(5)))
        assert {one["status"] for one in answers} == {"confirmed"}
        assert granted(server, "client_credentials") == 1


async def test_a_write_that_is_refused_with_401_goes_once_more_with_another_token_and_an_intent_of_its_own(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with (
        consenting() as (server, port),
        books(tmp_path / "w", sandbox, server, port=port, sides=(READ, BOTH)) as made,
    ):
        for side in ("read", "write"):
            assert (await made.connect("lead", "books", side)).status_code in (200, 302, 303)
        assert (await put(made.world, "b1", "one"))["status"] == "confirmed"
        server.end_access_tokens()
        done = await put(made.world, "b1", "two")
        assert done["status"] == "confirmed"
        assert refused(server) == ["GET", "PUT"]
        assert granted(server, "refresh_token") == 2
        rows = made.world.rows("SELECT attempt, state FROM intents WHERE action_id = ?", done["action_id"])
        assert sorted(rows) == [(1, "failed"), (2, "done")]
        writes = [entry for entry in server.log("api") if entry["method"] == "PUT" and entry.get("effect")]
        assert len(writes) == 2


async def test_a_401_of_a_token_that_nothing_renews_is_final_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    async with consenting() as (server, port), books(tmp_path / "w", sandbox, server, port=port) as made:
        await made.connect()
        kept = made.world.app.connections.grants
        (row,) = await kept.rows()
        alone = kept.sealed(row.id, TokenAnswer(kept.opened(row).access, expires_in=3600), "")
        await made.world.app.store.write(lambda txn: grants.replace_tokens(txn, row, alone, row.scopes))
        server.set(refuse_writes=True)
        assert (await put(made.world, "b1", "one"))["status"] == "not_applied"
        assert refused(server) == ["PUT"]


async def test_a_second_401_of_a_write_is_final(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_tokens, "AGAIN_SECONDS", 0.0)  # else nothing would renew it so soon after the first one
    async with (
        consenting() as (server, _),
        books(tmp_path / "w", sandbox, server, grant="client_credentials", sides=(READ, BOTH)) as made,
    ):
        server.set(refuse_writes=True)
        done = await put(made.world, "b1", "one")
        assert done["status"] == "not_applied"
        assert refused(server) == ["PUT", "PUT"]
        assert granted(server, "client_credentials") == 3
        assert server.state()["records"] == {}


async def test_a_write_that_is_refused_while_the_token_endpoint_fails_goes_once_more_when_it_answers(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with (
        consenting() as (server, port),
        books(tmp_path / "w", sandbox, server, port=port, sides=(READ, BOTH)) as made,
    ):
        for side in ("read", "write"):
            assert (await made.connect("lead", "books", side)).status_code in (200, 302, 303)
        server.set(refuse_writes=True, faults=[{"on": "refresh_token", "fault": 503}])
        written = asyncio.create_task(put(made.world, "b1", "one"))
        await until(lambda: server.log("refresh_token"))
        server.set(refuse_writes=False)
        assert (await written)["status"] == "confirmed"
        assert refused(server) == ["PUT"]


async def test_what_a_lost_connection_leaves_in_doubt_is_settled_when_somebody_connects_it(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with consenting() as (server, port), books(tmp_path / "w", sandbox, server, port=port) as made:
        await made.connect()
        server.set(refuse_writes=True, faults=[{"on": "refresh_token", "fault": "lose_answer"}])
        lost = await put(made.world, "b1", "one")
        assert (lost["status"], refused(server)) == ("unknown", ["PUT"])
        ((state,),) = made.world.rows("SELECT state FROM grants")
        assert state == "needs_person"
        # its first look comes a second after its end, and cannot read either; the next one is 30 s away
        await until(lambda: made.world.rows("SELECT 1 FROM rechecks WHERE done_ms IS NOT NULL"))
        server.set(refuse_writes=False)
        await made.connect()
        await until(lambda: made.world.rows("SELECT 1 FROM actions WHERE status = 'not_applied'"))
        done = await put(made.world, "b1", "one")
        assert done["status"] == "confirmed", done


async def test_twenty_callers_on_two_replicas_at_the_end_of_a_token_cause_one_refresh(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    async with consenting() as (server, port):
        workspace = books_workspace(tmp_path / "w", sandbox, server, database=postgres.database("tokens"))
        async with (
            gateway(workspace, sandbox, port=port) as a,
            gateway(copied(workspace, tmp_path / "replica"), sandbox) as b,
        ):
            await Connected(a, server).connect()
            await ends(a)
            calls = [put(a if n % 2 else b, f"b{n}", "x") for n in range(20)]
            answers = await asyncio.gather(*calls)
            assert {one["status"] for one in answers} == {"confirmed"}
            assert len(server.log("refresh_token")) == 1
            assert refused(server) == []


async def test_a_token_is_refreshed_while_an_action_waits_for_people(tmp_path: Path, sandbox: Sandbox) -> None:
    forbid = (
        '@id("a-lead-approves-books")\nforbid (principal, action == Action::"put_book", resource)\n'
        "unless { context.approvals.SecurityLead >= 1 };\n"
    )
    async with consenting() as (server, port):
        workspace = books_workspace(tmp_path / "w", sandbox, server)
        (workspace.root / "policies" / "approval.cedar").write_text(forbid)
        async with gateway(workspace, sandbox, port=port) as world:
            await Connected(world, server).connect()
            asked = await put(world, "b1", "one")
            assert asked["status"] == "approval_required"
            await ends(world)
            await until(lambda: granted(server, "refresh_token"))
            server.set(faults=[{"on": "refresh_token", "fault": 503, "times": 99}])
            await world.approve(asked["action_id"])
            assert (await world.get(asked["action_id"]))["status"] == "confirmed"
            assert refused(server) == []
            # a refresh that is put off after the approval keeps the action waiting, and the approval counts
            asked = await put(world, "b1", "two")
            stop = NewHalt(scope="contract", name="put_book", by="lead", reason="so that the token ends first")
            await halt(world.app.runner, world.app.agents, stop)
            await world.approve(asked["action_id"])
            before = len(server.log("refresh_token"))
            server.set(faults=[{"on": "refresh_token", "fault": 503, "times": 2}])
            await ends(world)
            await until(lambda: len(server.log("refresh_token")) > before)
            await lift(world.app.runner, "contract", "put_book", "lead")
            with heard() as lines:
                assert (await world.get(asked["action_id"]))["status"] == "confirmed"
            assert "unavailable" not in {line["event"] for line in lines}


@pytest.mark.both_stores
async def test_no_token_stands_in_the_log_the_store_a_receipt_or_an_answer(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    async with (
        consenting() as (server, port),
        books(tmp_path / "w", sandbox, server, port=port, database=database) as made,
    ):
        with heard() as lines:
            await made.connect()
            world, tokens = made.world, set[str]()

            async def collect() -> None:
                for row in await world.app.connections.grants.rows():
                    opened = world.app.connections.grants.opened(row)
                    tokens.update((opened.access, opened.refresh))

            await collect()
            answers = [await put(world, "b1", "one")]
            server.end_access_tokens()
            answers.append(await put(world, "b1", "two"))
            await collect()
            server.set(faults=[{"on": "refresh_token", "fault": "lose_answer", "times": 9}])
            await ends(world)
            answers.append(await world.call("get_book", {"book": "b1"}))
            await collect()
            assert [one["status"] for one in answers] == ["confirmed", "confirmed", "unavailable"]
            proofs = [world.proof(one["receipt_id"]) for one in answers]
            said = repr([answers, lines, proofs]).encode()
            tables = [name for (name,) in world.rows(_TABLES[bool(database)])]
            kept = "".join(str(world.rows(f"SELECT * FROM {name}")) for name in tables).encode()
            assert "grants" in tables
    assert len(tokens - {""}) >= 4
    logs = b"".join(path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file())
    for token in tokens - {""}:
        for place in (said, kept, logs):
            assert token.encode() not in place


_TABLES = {
    False: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    True: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}
