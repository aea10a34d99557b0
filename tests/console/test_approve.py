"""Approving and refusing at the console, with real passkeys in a real browser."""

from tests.console.people import People
from tests.world import MARIA


async def test_enrol_sign_in_and_approve(people: People) -> None:
    lead = await people.person("lead")
    asked = await people.world.call("reset_user_mfa", MARIA)
    await lead.go("/inbox")
    assert "Reset" in await lead.text()
    await lead.page.get_by_role("link", name="look and decide").click()
    await lead.press("approve with a passkey")
    assert lead.page.url.endswith(f"/actions/{asked['action_id']}")
    assert (await people.world.get(asked["action_id"]))["status"] == "confirmed"
    await lead.page.wait_for_selector(".status.confirmed")
    assert people.complaints() == []
