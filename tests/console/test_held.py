"""What the pages say of what is held by a halt, and of a plan that was taken back."""

from tests.console.people import People
from tests.journeys.rotation import ROTATE
from tests.world import MARIA, ailyus


async def test_the_console_shows_every_step_and_what_took_it_back(people: People) -> None:
    lead = await people.person("lead")
    world = people.world
    asked = await world.call("rotate_api_key_and_update_integration", ROTATE)
    world.sandbox.fault("refuse", "credential", "integrations", times=9)
    await world.approve(asked["action_id"])
    answer = await world.get(asked["action_id"], 45)
    listed = {step["id"]: step for step in (await lead.json(f"/actions/{answer['action_id']}.json"))["steps"]}
    assert [step["id"] for step in answer["steps"]] == list(listed)
    for step in answer["steps"]:
        assert listed[step["id"]]["state"] == step["state"]
    undone = [step for step in listed.values() if step["state"] == "undone"]
    assert all(step["undo_status"] == "confirmed" and step["undo"] != step["action"] for step in undone)
    assert "untouched" in [step["state"] for step in listed.values()]
    assert not [step for step in listed.values() if step["state"] != "undone" and step["undo"]]


async def test_the_pages_say_that_it_is_held(people: People) -> None:
    lead = await people.person("lead")
    world = people.world
    asked = await world.call("reset_user_mfa", MARIA)
    await ailyus(world, "halt", "add", "contract", "reset_user_mfa", "--as", "lead", "--reason", "an incident")
    for path in ("/inbox", f"/approvals/{asked['action_id']}", "/people"):
        await lead.go(path)
        assert await lead.page.locator("#halted").inner_text() == "halted now: contract reset_user_mfa"
    page = await lead.json(f"/approvals/{asked['action_id']}.json")
    assert page["halt"] == "the contract `reset_user_mfa` is halted by lead: an incident"
    await world.approve(asked["action_id"])
    page = await lead.json(f"/actions/{asked['action_id']}.json")
    assert page["halt"] == "the contract `reset_user_mfa` is halted by lead: an incident"
    assert "When the halt is lifted before" in page["held"]
    await lead.go(f"/actions/{asked['action_id']}")
    assert "approved, held by a halt" in await lead.text()
    await ailyus(world, "halt", "lift", "contract", "reset_user_mfa")
    await lead.go("/inbox")
    assert await lead.page.locator("#halted").count() == 0
