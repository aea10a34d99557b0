"""A plan is one card with its list, approved once, and followed while it runs."""

from tests.console.people import People
from tests.console.verifier import in_browser, proof_of, roots_of
from tests.journeys.rotation import ROTATE, integration, keys


async def test_a_plan_is_one_card(people: People) -> None:
    lead = await people.person("lead")
    asked = await people.world.call("rotate_api_key_and_update_integration", ROTATE)
    assert asked["status"] == "approval_required", asked
    await lead.go("/inbox")
    assert await lead.page.locator(".card").count() == 1
    assert "a plan of 3 steps" in await lead.text()
    assert await lead.page.locator(".card ol li").count() == 3
    assert (await lead.json("/inbox.json"))["own"] == 1
    await lead.page.get_by_role("link", name="look and decide").click()
    text = await lead.text()
    assert "one approval for a whole plan" in text
    assert text.index("who asked") < text.index("if a step fails") < text.index("3. ")
    assert await lead.page.locator("ol.cards > li > h3[data-line]").count() == 3
    assert "key_old00001" in text
    await lead.press("approve with a passkey")
    answer = await people.world.get(asked["action_id"], 45)
    assert answer["status"] == "confirmed", answer
    (new,) = keys(people.world).values()
    assert integration(people.world)["credential_key"] == new["id"]
    await lead.page.wait_for_selector(".marks .status.confirmed")
    assert await lead.page.locator("#steps + ol li").count() == 3
    await lead.go(f"/receipts/{answer['receipt_id']}/verify")
    said = await in_browser(lead, proof_of(people, answer["receipt_id"]), roots_of(people))
    assert said["ok"], said
    assert sum("the intent of" in check["says"] for check in said["checks"]) >= 3
    assert any("with a passkey key" in check["says"] for check in said["checks"])
    assert people.complaints() == []


async def test_a_plan_that_changed_while_its_page_was_open(people: People) -> None:
    lead = await people.person("lead")
    asked = await people.world.call("rotate_api_key_and_update_integration", ROTATE)
    await lead.go(f"/approvals/{asked['action_id']}")
    state = people.world.sandbox.state()
    state["acme"]["integrations"]["integrations"]["alerts"]["channel"] = "#another"
    state["acme"]["integrations"]["integrations"]["alerts"]["credential_key"] = "key_other0001"
    people.world.sandbox.put(state)
    await lead.press("approve with a passkey")
    assert "does not count" in await lead.text() or "Not done" in await lead.text()
    assert people.world.sandbox.writes() == 0
    assert people.world.rows("SELECT 1 FROM approvals") == []
