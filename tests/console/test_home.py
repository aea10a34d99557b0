"""The home page, the search in the header, and the keys: from what waits to what was done, without the mouse."""

from tests.console.people import People
from tests.world import LEO, MARIA, ailyus


async def test_the_first_page_leads_to_what_waits_what_was_done_and_what_is_named_so(people: People) -> None:
    lead, world = await people.person("lead"), people.world
    assert [s["step"] for s in (await lead.json("/.json"))["steps"] if not s["done"]] == ["call", "told"]
    await lead.go("/")
    empty = await lead.page.locator("main").inner_text()
    assert "Nothing waits for you" in empty
    assert "No action ended yet" in empty
    icon = lead.page.locator("link[rel=icon]")
    assert str(await icon.get_attribute("href")).endswith("/icon.svg")
    done = await world.reset(LEO)
    denied = await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})
    assert denied["status"] == "denied"
    asked = await world.call("reset_user_mfa", MARIA)
    # the page is renewed by itself: the sentence, the number in the title and the icon
    waits = lead.page.get_by_role("link", name="Remove 2 MFA factors of maria@example.com")
    await waits.wait_for()
    assert (await lead.page.title()).startswith("(1) Home")
    assert str(await icon.get_attribute("href")).endswith("/icon-waiting.svg")
    await ailyus(world, "halt", "add", "contract", "unlock_user", "--as", "lead", "--reason", "an incident")
    await lead.go("/")
    page = await lead.json("/.json")
    assert page["halts"][0]["name"] == "unlock_user"
    seen = page["overview"]
    counted = {row[0]: row[1:] for row in seen["outcomes"]["rows"] if any(n != "0" for n in row[1:])}
    assert [int(n) for n in next(iter(counted.values()))] == [1, 0, 1, 0]
    assert sum(int(row[1]) for row in seen["lead_times"]["rows"]) == 1
    assert ["mfa-reset-is-for-the-requester", "1"] in seen["denials"]["rows"]
    assert [row[0] for row in seen["latencies"]["rows"]] == ["okta"]
    assert next(c for c in page["connections"] if c["name"] == "okta")["said"] == "1 of 1 action confirmed"
    # somebody who may not decide sees nothing that waits, and no first steps
    outsider = await people.person("outsider")
    theirs = await outsider.json("/.json")
    assert (theirs["all"], theirs["overview"]["outcomes"]) == (0, None)
    assert (await outsider.json("/search.json?q=maria"))["actions"] == []
    # keys: search, go to a place, walk through a list
    keys = lead.page.keyboard
    await keys.press("/")
    await keys.type("leo@example.com")
    async with lead.page.expect_navigation():
        await keys.press("Enter")
    await lead.page.get_by_role("link", name="Remove 1 MFA factor of leo@example.com").wait_for()
    assert (await lead.json("/search.json?q=RESET_USER_MFA"))["found"][0]["path"] == "/contracts/reset_user_mfa"
    await lead.go(f"/search?q={done['receipt_id']}")
    assert lead.page.url.endswith(f"/receipts/{done['receipt_id']}")
    await keys.press("g")
    async with lead.page.expect_navigation():
        await keys.press("i")
    await keys.press("j")
    assert asked["action_id"] in await lead.page.evaluate("document.activeElement.href")
    await keys.press("?")
    assert await lead.page.locator("#keys").is_visible()
    await lead.page.get_by_role("button", name="turn these keys off").click()
    await lead.page.get_by_role("button", name="close").click()
    await keys.press("?")
    assert not await lead.page.locator("#keys").is_visible()
    assert people.complaints() == []


async def test_a_phone_has_one_row_above_and_the_decision_below(people: People) -> None:
    lead = await people.person("lead", viewport={"width": 390, "height": 844})
    asked = await people.world.call("reset_user_mfa", MARIA)
    await lead.go(f"/approvals/{asked['action_id']}")
    top = await lead.page.locator("header").bounding_box()
    assert top is not None
    assert top["height"] < 60
    for scrolled in (0, 300, 10_000):
        await lead.page.evaluate(f"scrollTo(0, {scrolled})")
        box = await lead.page.get_by_role("button", name="approve with a passkey").bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 844 - box["height"], scrolled
    # what is behind "menu" opens without a script, and closes with Escape
    await lead.page.get_by_role("button", name="menu").click()
    await lead.page.get_by_role("link", name="People").wait_for()
    await lead.page.keyboard.press("Escape")
    assert not await lead.page.get_by_role("link", name="People").is_visible()
    await lead.press("approve with a passkey")
    # whoever still has the page open is told what became of it
    await lead.go(f"/approvals/{asked['action_id']}")
    await lead.page.wait_for_selector("h1 .status.confirmed")
    assert people.complaints() == []
