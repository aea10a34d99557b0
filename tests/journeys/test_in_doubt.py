"""Whatever the wire does, the record decides: found, provably absent, or escalated and never sent again."""

import asyncio

import pytest

from tests.until import until
from tests.world import MARIA, World

pytestmark = pytest.mark.both_stores


async def test_a_reply_lost_after_the_effect_is_confirmed_with_one_effect(world: World) -> None:
    world.sandbox.fault("lost_reply")
    answer = await world.reset()
    assert (answer["status"], answer["changed"]) == ("confirmed", True)
    assert world.sandbox.effects() == 1
    assert world.sandbox.writes() == 1


async def test_a_request_lost_before_the_effect_is_sent_again_under_a_new_fence(world: World) -> None:
    world.sandbox.fault("lost_request")
    answer = await world.reset()
    assert answer["status"] == "confirmed"
    assert world.sandbox.effects() == 1
    assert world.rows("SELECT attempt, state FROM intents ORDER BY attempt") == [(1, "failed"), (2, "done")]
    assert world.rows("SELECT fence FROM actions WHERE contract = 'reset_user_mfa'") == [(2,)]


async def test_an_answer_that_never_comes_is_found_by_the_probe(world: World) -> None:
    world.sandbox.fault("hang_after_effect", ms=3000)
    answer = await world.reset()
    assert answer["status"] == "confirmed"
    assert world.sandbox.writes() == 1


async def test_a_late_effect_is_found_before_anything_is_sent_again(world: World) -> None:
    world.sandbox.fault("late_effect", ms=700)
    answer = await world.reset()
    assert answer["status"] == "confirmed"
    assert world.sandbox.writes() == 1


@pytest.mark.parametrize("fault", ["hang_after_effect", "lost_request"])
async def test_a_user_who_enrols_anew_meanwhile_keeps_the_new_factor(world: World, fault: str) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    world.sandbox.fault(fault, ms=2000)
    await world.approve(asked["action_id"])
    await until(world.sandbox.writes)
    state = world.sandbox.state()
    new = {"id": "opfnewphone01", "factorType": "push", "provider": "OKTA", "status": "ACTIVE"}
    state["acme"]["okta"]["factors"][MARIA["user_id"]].append(new)
    world.sandbox.put(state)
    answer = await world.get(asked["action_id"])
    assert answer["status"] == "unknown"
    assert answer["escalated_to"] == "identity-oncall"
    assert "opfnewphone01" in world.sandbox.factors()
    assert world.sandbox.writes() == 1


async def test_detect_none_is_escalated_and_never_repeated(records: World) -> None:
    records.sandbox.fault("lost_request", "events", "records")
    answer = await records.call("add_event_once", {"record": "r1", "name": "paid"})
    assert (answer["status"], answer["escalated_to"]) == ("unknown", "records-oncall")
    again = await records.call("add_event_once", {"record": "r1", "name": "paid"})
    assert again["action_id"] == answer["action_id"]
    assert records.sandbox.writes() == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "seen"),
    [
        ("delete_record", {"record": "r1"}, 404),
        ("put_record", {"record": "r1", "value": "new"}, 412),
        ("add_event", {"record": "r1", "name": "paid"}, 503),
    ],
)
async def test_behind_a_retrying_proxy(records: World, tool: str, arguments: dict[str, str], seen: int) -> None:
    records.sandbox.fault("retrying_proxy", "records", "records")
    answer = await records.call(tool, arguments)
    assert answer["status"] == "confirmed", answer
    assert records.sandbox.effects() == 1
    assert [e["status"] for e in records.sandbox.log() if e["method"] != "GET"] == [seen]


async def test_the_next_route_runs_only_after_a_proof_of_no_effect(records: World) -> None:
    answer = await records.call("two_routes", {"record": "r1", "value": "new"})
    assert answer["status"] == "confirmed"
    assert [e["method"] for e in records.sandbox.log() if e["method"] != "GET"] == ["POST", "PUT"]


async def test_no_other_route_after_a_refusal(records: World) -> None:
    records.sandbox.fault("refuse", "legacy", "records", times=9)
    answer = await records.call("two_routes", {"record": "r1", "value": "new"})
    assert answer["status"] == "not_applied"
    assert "PUT" not in {e["method"] for e in records.sandbox.log()}


async def test_the_next_route_runs_once_the_probe_has_found_the_state_before(records: World) -> None:
    records.sandbox.fault("429", "legacy", "records", times=9)
    answer = await records.call("two_routes", {"record": "r1", "value": "new"})
    assert answer["status"] == "confirmed"
    assert [e["method"] for e in records.sandbox.log() if e["method"] != "GET"] == ["POST", "PUT"]


async def test_an_idempotency_key_is_the_same_for_every_attempt(records: World) -> None:
    records.sandbox.fault("lost_request", "events", "records")
    answer = await records.call("add_event_keyed", {"record": "r1", "name": "paid"})
    assert answer["status"] == "confirmed"
    assert records.sandbox.effects() == 1
    assert list(records.sandbox.state()["acme"]["records"]["keys"]) == [f"{answer['action_id']}-1"]


async def test_a_read_back_that_fails_is_unknown_never_confirmed(records: World) -> None:
    records.sandbox.fault("slow", "records", "records", ms=100)
    task = asyncio.create_task(records.call("put_record", {"record": "r1", "value": "new"}))
    await until(records.sandbox.writes)
    records.sandbox.fault("500", "records", "records", reads=True, times=99)
    answer = await task
    assert answer["status"] == "unknown"
    assert records.sandbox.effects() == 1


async def test_a_stale_read_counts_only_after_it_settled(records: World) -> None:
    records.sandbox.fault("stale_read", "records", "records", times=0)
    task = asyncio.create_task(records.call("put_record", {"record": "r1", "value": "new"}))
    records.sandbox.fault("slow", "records", "records", ms=60)
    await until(records.sandbox.writes)
    records.sandbox.fault("stale_read", "records", "records", times=2)
    answer = await task
    assert answer["status"] == "confirmed"
    assert records.sandbox.effects() == 1
