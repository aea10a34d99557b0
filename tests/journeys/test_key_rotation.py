"""Stories 2 and 6: rotate an API key and update an integration; replace a compromised one. Confirmed by use, not by answers."""

import asyncio

import pytest

from tests.journeys.rotation import ROTATE, integration, keys, states, works
from tests.until import until
from tests.world import World

REPLACE = {
    "account_name": "slack-alerts",
    "integration_name": "alerts",
    "key_id": "key_old00001",
    "reason": "the key was posted in a public channel",
}


async def test_the_new_key_is_in_use_before_the_old_one_goes(world: World) -> None:
    asked = await world.call("rotate_api_key_and_update_integration", ROTATE)
    assert asked["status"] == "approval_required", asked
    assert keys(world).keys() == {"key_old00001"}
    await world.approve(asked["action_id"])
    answer = await world.get(asked["action_id"], 45)
    assert (answer["status"], answer["changed"]) == ("confirmed", True), answer
    assert states(answer) == {"rotate": "done", "integration": "done", "revoke_old": "done"}
    (new,) = keys(world).values()
    assert new["id"] != "key_old00001"
    assert integration(world)["credential_key"] == new["id"]
    assert new["last_used_at"]
    assert works(world)
    verified = world.proof(answer["receipt_id"])
    receipt = next(s for s in verified.statements if s["receipt"] == answer["receipt_id"])
    assert [step["id"] for step in receipt["steps"]] == ["rotate", "integration", "revoke_old"]
    assert len([s for s in verified.statements if s["kind"] == "intent"]) == 3
    assert world.rows("SELECT sealed FROM handles") == [(None,)]


async def test_the_integration_is_down_so_the_new_key_goes_and_the_old_one_works(world: World) -> None:
    world.sandbox.fault("503", "credential", "integrations", times=9)
    answer = await world.approved("rotate_api_key_and_update_integration", ROTATE)
    assert answer["status"] == "compensated", answer
    assert states(answer) == {"rotate": "undone", "integration": "not_applied", "revoke_old": "untouched"}
    assert len([e for e in world.sandbox.log("credential") if e["method"] == "PUT"]) == 3
    assert keys(world).keys() == {"key_old00001"}
    assert works(world)
    assert answer["escalated_to"] == "security-oncall"
    await until(lambda: any(n["status"] == "compensated" for n in world.sandbox.notices()))
    world.sandbox._client.delete("/faults")
    again = await world.approved("rotate_api_key_and_update_integration", ROTATE)
    assert again["status"] == "confirmed", again
    assert again["action_id"] != answer["action_id"]
    assert works(world)


async def test_the_integration_is_in_doubt_so_both_keys_stay(world: World) -> None:
    asked = await world.call("rotate_api_key_and_update_integration", ROTATE)
    world.sandbox.fault("hang_after_effect", "credential", "integrations", ms=3000)
    await world.approve(asked["action_id"])
    await until(lambda: any(e["method"] == "PUT" for e in world.sandbox.log("credential")))
    world.sandbox.fault("500", "integrations", "integrations", reads=True, times=99)
    answer = await world.get(asked["action_id"], 45)
    assert answer["status"] == "unknown", answer
    assert states(answer) == {"rotate": "done", "integration": "unknown", "revoke_old": "untouched"}
    assert len(keys(world)) == 2
    assert all(key["active"] for key in keys(world).values())
    assert "later step in doubt" in next(s["kept"] for s in answer["steps"] if s["id"] == "rotate")
    assert answer["escalated_to"] == "security-oncall"


async def test_a_lost_reply_at_the_issuer_leaves_no_orphan(world: World) -> None:
    world.sandbox.fault("lost_reply", "keys", "apikeys")
    answer = await world.approved("rotate_api_key_and_update_integration", ROTATE)
    assert answer["status"] == "confirmed", answer
    (new,) = keys(world).values()
    assert integration(world)["credential_key"] == new["id"]
    made = [e for e in world.sandbox.log("keys") if e["method"] == "POST"]
    gone = [e for e in world.sandbox.log("keys") if e["method"] == "DELETE"]
    assert (len(made), len(gone)) == (2, 2)  # the orphan, then the old key


async def test_a_lost_reply_at_the_integration_is_found_by_its_use(world: World) -> None:
    world.sandbox.fault("lost_reply", "credential", "integrations")
    answer = await world.approved("rotate_api_key_and_update_integration", ROTATE)
    assert answer["status"] == "confirmed", answer
    assert len([e for e in world.sandbox.log("credential") if e["method"] == "PUT"]) == 1
    assert works(world)


async def test_the_old_key_is_still_in_use_somewhere_else(world: World) -> None:
    """Somebody uses the old key after the new one: then it is not deleted."""
    asked = await world.call("rotate_api_key_and_update_integration", ROTATE)
    world.sandbox.fault("slow", "integrations/alerts", "integrations", ms=300, reads=True, times=20)
    await world.approve(asked["action_id"])
    while integration(world)["credential_key"] == "key_old00001":
        await asyncio.sleep(0.005)
    state = world.sandbox.state()
    for key in state["acme"]["apikeys"]["accounts"]["slack-alerts"]["keys"]:
        if key["id"] == "key_old00001":
            key["last_used_at"] = "2099-01-01T00:00:00.000Z"
    world.sandbox.put(state)
    answer = await world.get(asked["action_id"], 45)
    assert answer["status"] in ("partial", "compensated"), answer
    assert "key_old00001" in keys(world)


async def test_a_compromised_key_is_dead_first_and_proven_so(world: World) -> None:
    answer = await world.approved("replace_compromised_key", REPLACE)
    assert answer["status"] == "confirmed", answer
    assert list(states(answer)) == ["deactivate", "refused", "create", "integration"]
    old = keys(world)["key_old00001"]
    assert (old["active"], bool(old["refused_at"])) == (False, True)
    order = [e["path"].rsplit("/", 1)[-1] for e in world.sandbox.log() if e["method"] != "GET" and e["effect"]]
    assert order == ["key_old00001", "test", "keys", "credential"]
    assert works(world)


async def test_a_key_that_only_seems_off_is_noticed(world: World) -> None:
    world.sandbox.fault("lying_200", "keys/key_old00001", "apikeys", times=9)
    answer = await world.approved("replace_compromised_key", REPLACE)
    assert answer["status"] == "not_applied", answer
    assert states(answer)["create"] == "untouched"
    assert keys(world).keys() == {"key_old00001"}


@pytest.mark.parametrize("echo", [False, True])
async def test_the_secret_is_nowhere_but_at_its_destinations(world: World, echo: bool) -> None:
    from tests.leaks import places

    if echo:  # the target's error body holds what it was sent
        world.sandbox.fault("echo", "credential", "integrations", times=9)
    answer = await world.approved("rotate_api_key_and_update_integration", ROTATE)
    secret = keys_secret(world, echo)
    assert answer["status"] == ("compensated" if echo else "confirmed"), answer
    assert places(world, secret, [answer]) == []
    assert "sec_" not in str(answer)


def keys_secret(world: World, echo: bool) -> str:
    """The secret that was made: kept by the integration, or seen by the sandbox before it was deleted again."""
    if echo:
        return str(world.sandbox._client.get("/secrets").json()[-1])
    return str(integration(world)["credential"])
