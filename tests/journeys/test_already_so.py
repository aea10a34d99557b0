"""What already is so: after `require`, about the record that was read, and decided like what is sent."""

from tests.world import NOBODY_ENROLLED, World


async def test_a_false_require_comes_first(world: World) -> None:
    state = world.sandbox.state()
    state["acme"]["okta"]["users"][NOBODY_ENROLLED["user_id"]]["status"] = "SUSPENDED"
    world.sandbox.put(state)
    answer = await world.call("reset_user_mfa", NOBODY_ENROLLED)
    assert (answer["status"], answer["changed"]) == ("not_applied", False)
    assert "the user is not active" in answer["summary"]


async def test_a_require_that_cannot_be_read_says_so(world: World) -> None:
    state = world.sandbox.state()
    del state["acme"]["okta"]["users"][NOBODY_ENROLLED["user_id"]]["status"]
    world.sandbox.put(state)
    answer = await world.call("reset_user_mfa", NOBODY_ENROLLED)
    assert answer["status"] == "not_applied"
    assert "whether the user is active is not known" in answer["summary"]


async def test_a_key_of_somebody_else_is_not_confirmed_gone_without_approval(world: World) -> None:
    revoke = {"account_name": "slack-alerts", "key_id": "key_ofalice1", "reason": "the key leaked, it must go"}
    asked = await world.call("revoke_api_key", revoke)
    assert asked["status"] == "approval_required"
    await world.approve(asked["action_id"])
    answer = await world.get(asked["action_id"])
    assert (answer["status"], answer["changed"]) == ("confirmed", False)
    assert world.sandbox.writes("keys") == 0
