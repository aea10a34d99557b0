"""A user lost their phone: find, ask, approve, reset, read back; and every way in which it does not go well."""

import asyncio

import pytest

from tests.world import LEO, MARIA, NOBODY_ENROLLED, World


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_from_request_to_receipt_in_both_eras(world: World, mode: str) -> None:
    async with world.client(mode) as client:
        found = await client.call_tool("find_user", {"email": "maria@example.com"})
        assert (found.structured_content or {})["data"]["users"][0]["user_id"] == MARIA["user_id"]
        asked = await client.call_tool("reset_user_mfa", MARIA)
        answer = asked.structured_content or {}
        assert answer["status"] == "approval_required"
        assert not asked.is_error
        assert world.sandbox.writes() == 0
        await world.approve(answer["action_id"])
        done = await client.call_tool("get_action", {"action_id": answer["action_id"], "wait_seconds": 20})
        outcome = done.structured_content or {}
    assert (outcome["status"], outcome["changed"]) == ("confirmed", True)
    assert world.sandbox.factors() == []
    assert world.sandbox.effects() == 1


async def test_another_tenant_is_denied_without_a_look(world: World) -> None:
    answer = await world.call("reset_user_mfa", {**MARIA, "connection": "okta-globex"})
    assert answer["status"] == "denied"
    assert world.sandbox.log() == []


async def test_a_denial_and_a_missing_record_read_the_same(world: World) -> None:
    denied = await world.call("reset_user_mfa", {**MARIA, "ticket": "4712"})
    missing = await world.call("reset_user_mfa", {**MARIA, "user_id": "00u9nobody001"})
    texts = {(a["status"], a["summary"], a["next"]) for a in (denied, missing)}
    assert len(texts) == 1
    assert denied["status"] == "denied"


async def test_a_user_without_factors_is_already_so(world: World) -> None:
    asked = await world.call("reset_user_mfa", NOBODY_ENROLLED)
    assert asked["status"] == "approval_required"  # decided like one that is sent
    await world.approve(asked["action_id"])
    answer = await world.get(asked["action_id"])
    assert (answer["status"], answer["changed"]) == ("confirmed", False)
    assert answer["checks"] == [{"that": "no factor seen before is still enrolled", "met": True}]
    assert world.sandbox.writes() == 0


async def test_a_lying_200_is_unknown_until_somebody_looked(world: World) -> None:
    world.sandbox.fault("lying_200")
    answer = await world.reset()
    assert (answer["status"], answer["changed"]) == ("unknown", None)
    assert "the record does not show it yet" in answer["summary"]
    assert len(world.sandbox.factors()) == 2


async def test_a_403_is_never_confirmed_and_takes_no_other_route(world: World) -> None:
    world.sandbox.fault("refuse")
    answer = await world.reset()
    assert answer["status"] == "not_applied"
    assert world.sandbox.writes() == 1


async def test_a_false_require_is_not_sent(world: World) -> None:
    state = world.sandbox.state()
    state["acme"]["okta"]["users"][MARIA["user_id"]]["status"] = "SUSPENDED"
    world.sandbox.put(state)
    answer = await world.call("reset_user_mfa", MARIA)
    assert answer["status"] == "not_applied"
    assert "the user is not active" in answer["summary"]
    assert world.sandbox.writes() == 0


async def test_a_refusal_is_held_and_tells_the_agent(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    await world.app.inbox.decide(await world.sign(asked["action_id"], verdict="refuse"))
    refused = await world.get(asked["action_id"])
    assert refused["status"] == "refused"
    again = await world.call("reset_user_mfa", {**MARIA, "reason": "please, please, let me do it"})
    assert again["action_id"] == asked["action_id"]
    assert world.sandbox.writes() == 0


async def test_an_observing_agent_previews(world: World) -> None:
    token = await world.app.agents.add("watcher", "acme", "requester", None, frozenset({"Support"}), True)
    answer = await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out since morning"}, token)
    assert answer["status"] == "previewed"
    asked = await world.call("reset_user_mfa", MARIA, token)
    assert asked["status"] == "previewed"
    assert "SecurityLead" in asked["summary"]
    assert world.sandbox.writes() == 0
    await world.app.agents.change("watcher", revoke=False)
    acted = await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out", "x": 1}, token)
    assert acted["status"] == "invalid"


async def test_a_request_that_nobody_decides_expires(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    await world.app.store.write(
        lambda txn: txn.write("UPDATE actions SET expires_ms = ? WHERE id = ?", txn.now_ms - 1, asked["action_id"])
    )
    assert (await world.get(asked["action_id"], 10))["status"] == "expired"
    again = await world.call("reset_user_mfa", MARIA)
    assert again["action_id"] != asked["action_id"]


async def test_a_vip_needs_two_leads(world: World) -> None:
    ada = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone, see the ticket"}
    asked = await world.call("reset_user_mfa", ada)
    assert asked["approval"]["needs"] == "2 SecurityLead"
    assert await world.approve(asked["action_id"]) == "waiting"
    await asyncio.sleep(0.1)
    assert world.sandbox.writes() == 0
