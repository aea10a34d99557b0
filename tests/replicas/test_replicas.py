"""Two gateways over one database: whoever is asked, the promises are the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.errors import AilyusError
from receipts.journal.halt import halt_statement, new_halt
from receipts.log.signing import create_key
from server.app import App
from server.console.session import Challenges
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.faults.campaign import prepared
from tests.identity.clients import modern
from tests.plans.records import SHARE, SHARED, seeded
from tests.postgres import Postgres
from tests.receipts import making
from tests.replicas.database import with_database
from tests.replicas.pair import Pair, copied, pair_of
from tests.slowness import scaled
from tests.until import until
from tests.web import web
from tests.world import LEO, MARIA, Sandbox, World, add_records, gateway, make_workspace


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> str:
    return postgres.database(request.node.name.split("[")[0][:60])


@pytest.fixture
async def pair(tmp_path: Path, sandbox: Sandbox, database: str) -> AsyncIterator[Pair]:
    async with pair_of(with_database(add_records(tmp_path / "w", sandbox), database), sandbox) as two:
        yield two


async def test_asked_here_approved_there_and_answered_here(pair: Pair) -> None:
    asked = await pair.a.call("reset_user_mfa", MARIA)
    assert asked["status"] == "approval_required"
    waiting = asyncio.create_task(pair.a.get(asked["action_id"]))
    await asyncio.sleep(0.2)
    await pair.b.approve(asked["action_id"])
    answer = await waiting
    assert answer["status"] == "confirmed"
    assert await pair.b.get(asked["action_id"]) == answer
    assert pair.a.sandbox.effects("reset_factors") == 1
    assert pair.b.proof(answer["receipt_id"])


async def test_one_call_at_both_is_one_action(pair: Pair) -> None:
    pair.a.sandbox.fault("slow", "events", "records", ms=300)
    call = {"record": "r1", "name": "paid"}
    one, other = await asyncio.gather(pair.a.call("add_event", call), pair.b.call("add_event", call))
    assert one == other
    assert one["status"] == "confirmed"
    assert pair.a.sandbox.effects() == 1


async def test_racing_callers_at_two_replicas_never_go_over_a_budget(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    workspace = with_database(add_records(tmp_path / "w", sandbox), database)
    policies = workspace.root / "policies"
    policies.joinpath("budgets.yaml").write_text(SHARED)
    policies.joinpath("records.cedar").write_text(policies.joinpath("records.cedar").read_text() + SHARE)
    async with pair_of(Workspace.open(workspace.root), sandbox) as pair:
        seeded(pair.a, *(f"n{n}" for n in range(16)))
        callers = [(pair.a, pair.b)[n % 2].call("add_event", {"record": f"n{n}", "name": "x"}) for n in range(16)]
        answers = await asyncio.gather(*callers)
        ended = [await pair.a.get(a["action_id"], 45) if a["status"] == "running" else a for a in answers]
        assert sorted(a["status"] for a in ended) == ["confirmed"] * 10 + ["denied"] * 6
        assert sandbox.effects() == 10


async def test_two_agents_at_two_replicas_take_turns_at_one_record(pair: Pair) -> None:
    for number in range(4):
        values = [f"{side}{'x' * number}" for side in ("a", "b")]
        calls = [
            world.call("set_value", {"record": "r1", "value": value})
            for world, value in zip((pair.a, pair.b), values, strict=True)
        ]
        answers = await asyncio.gather(*calls)
        assert [answer["status"] for answer in answers] == ["confirmed", "confirmed"], answers
    assert pair.a.sandbox.effects() == 8


async def test_a_halt_and_its_end_reach_the_other(pair: Pair) -> None:
    journal = pair.b.app.journal
    halt = new_halt("contract", "set_value", False, "lead", "an incident", journal.store.now_ms())
    await journal.controls.halt(halt, halt_statement(journal.notary, halt, "halted"))
    await until(lambda: pair.a.app.journal.controls.halts, 1.0)
    answer = await pair.a.call("set_value", {"record": "r1", "value": "x"})
    assert answer["status"] == "denied"
    assert pair.a.sandbox.effects() == 0
    await journal.controls.unhalt("contract", "set_value", halt_statement(journal.notary, halt, "lifted"))
    await until(lambda: not pair.a.app.journal.controls.halts, 1.0)
    assert (await pair.a.call("set_value", {"record": "r1", "value": "x"}))["status"] == "confirmed"


async def test_a_token_that_is_revoked_here_is_unknown_there(pair: Pair) -> None:
    assert (await pair.a.call("set_value", {"record": "r1", "value": "x"}))["status"] == "confirmed"
    await pair.b.app.agents.change("support-bot", revoke=True)
    epoch = pair.b.app.journal.epoch
    await until(lambda: pair.a.app.journal.epoch == epoch, 1.0)
    async with web() as http:
        headers = {"authorization": f"Bearer {pair.a.token}", "accept": "application/json, text/event-stream"}
        answer = await http.post(pair.a.url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status_code == 401


async def test_what_one_releases_the_other_takes_from_the_log(pair: Pair) -> None:
    policy = '@id("stop") forbid (principal, action == Action::"set_value", resource);'
    (pair.b.workspace.root / "policies" / "stop.cedar").write_text(policy)
    await pair.b.app.replace(await asyncio.to_thread(pair.b.workspace.release))
    await until(lambda: pair.a.app.journal.controls.live == pair.b.app.runner.release.digest, 1.0)
    # its files are the old ones still, and the call waits until it works under the new release
    assert (await pair.a.call("set_value", {"record": "r1", "value": "x"}))["status"] == "denied"
    assert pair.a.app.runner.release.digest == pair.b.app.runner.release.digest
    assert pair.a.sandbox.effects() == 0


async def test_the_replica_that_is_left_finishes_what_a_gone_one_began(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    workspace = with_database(add_records(tmp_path / "w", sandbox), database)
    async with gateway(workspace, sandbox) as a:
        sandbox.fault("late_effect", "events", "records", ms=300)
        async with gateway(copied(workspace, tmp_path / "b"), sandbox) as b:
            asked = await a.call("reset_user_mfa", LEO)
            # the one that would carry it on is gone: its sweep and its orders with it
            await b.app.recovery.stop()
            b.app.inbox._wake = lambda action: asyncio.sleep(0)  # type: ignore[method-assign, assignment]
            await b.approve(asked["action_id"])
            assert (await a.get(asked["action_id"]))["status"] == "confirmed"
    assert sandbox.effects("reset_factors") == 1


async def test_an_order_leaves_only_while_the_epoch_is_known(tmp_path: Path, database: str) -> None:
    journal = await making.journal_at(tmp_path / "store.db", database=database)
    orders = [await making.intend(journal, making.action(name)) for name in ("a", "b")]
    assert journal.enter(orders[0]) is None
    journal.controls._read_at -= 1.1
    assert journal.enter(orders[1]) == "whether it was stopped meanwhile is not known"
    await journal.store.aclose()


async def test_a_lease_lasts_as_long_as_it_is_renewed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = scaled(4)
    monkeypatch.setattr("receipts.journal.lease.LEASE_MS", int(lease * 1000))
    journal = await making.journal_at(tmp_path / "store.db", database=database)
    asked = making.action("a")
    await making.intend(journal, asked, timeout_ms=300)
    for _ in range(2):  # together longer than a lease, and each much shorter
        await asyncio.sleep(0.6 * lease)
        assert not await journal.lease_ended(asked.id)
        await journal.renew({asked.id, "act_of_somebody_else"})
    while not await journal.lease_ended(asked.id):
        await asyncio.sleep(0.05)
    await journal.store.aclose()


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a gateway starts: how often it renews them is known then."""
    for name in ("receipts.journal.lease", "server.actions.recovery", "receipts.journal.plan_transitions"):
        monkeypatch.setattr(f"{name}.LEASE_MS", 600)


async def test_what_is_under_way_longer_than_a_lease_stays_with_its_owner(short_leases: None, pair: Pair) -> None:
    pair.a.sandbox.fault("stale_read", "records", "records", times=60)
    answer = await pair.a.call("put_record", {"record": "r1", "value": "x"})
    assert answer["status"] in ("unknown", "confirmed", "not_applied"), answer
    (fence,) = pair.a.rows("SELECT fence FROM actions WHERE id = ?", answer["action_id"])[0]
    assert fence == 1, "the other replica took it over"


async def test_who_stood_still_takes_nothing_back_from_who_took_over(
    tmp_path: Path, sandbox: Sandbox, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sends, stands still and loses its lease; the other makes the key; to the first it looks like an orphan."""
    workspace = prepared(with_database(add_records(tmp_path / "w", sandbox), database))
    async with pair_of(workspace, sandbox) as pair:
        woken, read_back = asyncio.Event(), pair.a.app.runner.executor._read_back
        settled = read_back.settled

        async def stands_still(*arguments: Any) -> Any:
            await woken.wait()
            return await settled(*arguments)

        async def renews_nothing(running: Any) -> None:
            return None

        monkeypatch.setattr(read_back, "settled", stands_still)
        monkeypatch.setattr(pair.a.app.journal, "renew", renews_nothing)
        state = pair.a.sandbox.state()
        state["acme"]["apikeys"]["accounts"] = {"ci": {"id": "ci", "keys": []}}
        pair.a.sandbox.put(state)
        pair.a.sandbox.fault("lost_request", "keys", "apikeys")
        arguments = {"account_name": "ci", "reason": "the build needs a key of its own"}
        call = asyncio.create_task(pair.a.call("create_api_key", arguments))

        def keys() -> int:
            return len(pair.a.sandbox.state()["acme"]["apikeys"]["accounts"]["ci"]["keys"])

        try:
            ended = "SELECT count(*) FROM actions WHERE state = 'ended' AND status = 'confirmed'"
            await until(lambda: pair.b.rows(ended) == [(1,)], 40.0)
            assert keys() == 1
        finally:
            woken.set()
        assert (await call)["status"] == "confirmed"
        assert keys() == 1


async def test_a_challenge_of_one_is_answered_once_at_either(pair: Pair) -> None:
    here, there = (Challenges("https://console.example", w.app.runner) for w in (pair.a, pair.b))
    challenge = here.new("ailyus-sign-in-v1")
    assert not await there.take(challenge, "ailyus-enrol-v1")
    assert not await there.take(challenge[:-1] + bytes([challenge[-1] ^ 1]), "ailyus-sign-in-v1")
    assert await there.take(challenge, "ailyus-sign-in-v1")
    assert not await there.take(challenge, "ailyus-sign-in-v1")
    assert not await here.take(challenge, "ailyus-sign-in-v1")


async def test_another_key_is_refused(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox):
        other = copied(workspace, tmp_path / "other")
        (other.private / "log.pem").unlink()
        create_key(other.private / "log.pem")
        with pytest.raises(AilyusError, match="another key"):
            await asyncio.to_thread(App, other, other.release())
        (other.private / "log.pem").write_bytes((workspace.private / "log.pem").read_bytes())
        (other.private / "store.secrets").unlink()
        app = await asyncio.to_thread(App, other, other.release())
        with pytest.raises(AilyusError, match="sealed with another key"):
            await app.start()
        await app.stop()


async def test_replicas_of_one_folder(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as a:
        asked = await a.call("reset_user_mfa", MARIA)
        app = App(workspace, workspace.release())
        await app.start()
        try:
            assert [action.id for action in await app.journal.waiting()] == [asked["action_id"]]
        finally:
            await app.stop()
        assert (await a.reset(LEO))["status"] == "confirmed"
        head = orjson.loads((workspace.private / "store.head").read_bytes())
        assert head["size"] == a.app.store.size


async def test_a_load_balancers_name_is_taken_where_it_is_named(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    path = workspace.root / FILE
    path.write_text(path.read_text().replace("[server]\n", '[server]\nhosts = ["mcp.example.com"]\n'))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        assert [await asked_as(world, host) for host in ("mcp.example.com", "evil.example.com")] == [200, 421]


async def asked_as(world: World, host: str) -> int:
    headers = {
        "authorization": f"Bearer {world.token}", "accept": "application/json, text/event-stream", "host": host
    }  # fmt: skip
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with web() as http:
        return (await http.post(world.url, headers=headers, json=body)).status_code


LINKS = {"elicitation": {"url": {}}}
START = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": LINKS, "clientInfo": {"name": "a", "version": "1"}},
}


async def test_a_session_a_task_and_the_state_of_a_call_go_on_at_the_other(pair: Pair) -> None:
    a, b = pair.a, pair.b
    headers = {"authorization": f"Bearer {a.token}", "accept": "application/json, text/event-stream"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "reset_user_mfa", "arguments": LEO}}
    async with web(timeout=30) as http:
        begun = await http.post(a.url, json=START, headers=headers)
        assert not begun.json()["result"]["capabilities"]["tools"].get("listChanged")
        in_it = {
            **headers,
            "mcp-session-id": begun.headers["mcp-session-id"],
            "mcp-protocol-version": "2025-11-25",
        }
        # the other one knows from the id alone that this client opens links
        refused = (await http.post(b.url, json=call, headers=in_it)).json()["error"]
        assert refused["code"] == -32042
        assert (await http.get(b.url, headers=in_it)).status_code == 405
        again = await http.post(b.url, json=START, headers=headers)
        ended = {**in_it, "mcp-session-id": again.headers["mcp-session-id"]}
        await http.delete(b.url, headers=ended)
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await http.post(b.url, json=ping, headers=ended)).status_code == 404
        assert (await http.post(b.url, json=ping, headers=in_it)).status_code == 200
    params = {"name": "reset_user_mfa", "arguments": MARIA}
    first = (await modern(a, a.token, "tools/call", "reset_user_mfa", params, **LINKS))["result"]
    assert first["resultType"] == "input_required"
    action = first["inputRequests"]["approval"]["params"]["url"].rpartition("/")[2]
    seen = (await modern(b, a.token, "tasks/get", action, {"taskId": action}))["result"]
    assert seen["status"] == "input_required"
    await b.approve(action)
    answered = {**params, "requestState": first["requestState"], "inputResponses": {"approval": {"action": "accept"}}}
    ended = (await modern(b, a.token, "tools/call", "reset_user_mfa", answered, **LINKS))["result"]
    assert ended["structuredContent"]["status"] == "confirmed", ended
    seen = (await modern(a, a.token, "tasks/get", action, {"taskId": action}))["result"]
    assert (seen["status"], seen["result"]["structuredContent"]) == ("completed", ended["structuredContent"])
