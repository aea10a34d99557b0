"""A call that cannot be read is told of all its faults at once, and a reason is no fault anywhere."""

from tests.world import MARIA, World


async def test_two_wrong_fields_are_one_answer_with_both(world: World) -> None:
    told = await world.call("reset_user_mfa", {"user_id": "maria", "tikcet": "4711", "reason": MARIA["reason"]})
    assert told["status"] == "invalid"
    faults = [told["error"], *told["error"]["also"]]
    assert [(fault["code"], fault["field"]) for fault in faults] == [
        ("wrong_format", "/user_id"),
        ("unknown_field", "/tikcet"),
        ("missing_field", "/ticket"),
    ]
    assert "did you mean `ticket`?" in faults[1]["hint"]
    step = {"id": "one", "contract": "unlock_user", "inputs": {"user_id": "maria", "x": 1}}
    told = await world.call("run_plan", {"steps": [step], "reason": "all faults of a step"})
    assert [fault["field"] for fault in (told["error"], *told["error"]["also"])] == [
        "/steps/one/user_id",
        "/steps/one/x",
    ]


async def test_a_reason_is_accepted_by_every_tool(world: World) -> None:
    why = {"reason": "the requester asked for it"}
    read = await world.call("get_user", {"user_id": MARIA["user_id"], **why})
    assert read["status"] == "confirmed"
    tagged = await world.call("add_ticket_tag", {"ticket": "4711", "tag": "seen", **why})
    assert tagged["status"] == "confirmed", tagged
    kept = await world.app.journal.get(tagged["action_id"])
    assert kept is not None
    assert kept.request.reason == why["reason"]
    assert (await world.get(tagged["action_id"]))["status"] == "confirmed"
    assert (await world.call("get_action", {"action_id": tagged["action_id"], **why}))["status"] == "confirmed"
    assert (await world.call("find_receipts", why))["data"]["receipts"]
