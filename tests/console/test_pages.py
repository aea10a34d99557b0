"""Every page, in light, dark and on a phone: as pictures, for screen readers, without JavaScript, by keyboard."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.console.axe import no_serious_faults
from tests.console.people import People, Person, in_doubt
from tests.world import LEO, MARIA, ROOT

ARTEFACTS = Path(os.environ.get("AILYUS_ARTEFACTS", ROOT / ".artefacts")) / "console"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


async def seen(people: People) -> dict[str, str]:
    """A world in which every page has something to show, and the path of each."""
    world = people.world
    done = await world.reset()
    waiting = await world.call(
        "reset_user_mfa", {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone"}
    )
    await in_doubt(world)
    denied = await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})
    assert denied["status"] == "denied"
    action, receipt = done["action_id"], done["receipt_id"]
    return {
        "inbox": "/inbox",
        "approval": f"/approvals/{waiting['action_id']}",
        "moved": f"/approvals/{action}",
        "actions": "/actions",
        "action": f"/actions/{action}",
        "receipts": f"/receipts?match={MARIA['user_id']}",
        "receipt": f"/receipts/{receipt}",
        "verify": f"/receipts/{receipt}/verify",
        "changed": "/questions/changed?agent=support-bot",
        "unconfirmed": "/questions/unconfirmed",
        "approved-by": f"/questions/approved-by?receipt={receipt}",
        "done-to": "/questions/done-to?match=maria@example.com",
        "allowed-by": f"/questions/allowed-by?receipt={receipt}",
        "denied": "/questions/denied",
        "missing": "/questions/missing",
        "contracts": "/contracts",
        "contract": "/contracts/reset_user_mfa",
        "agents": "/agents",
        "connections": "/connections",
        "connection": "/connections/okta",
        "releases": "/releases",
        "people": "/people",
        "error": "/nowhere",
    }


async def test_pictures_and_screen_readers(people: People) -> None:
    lead = await people.person("lead")
    paths = await seen(people)
    # the picture is of one moment: no page looks again by itself while it is taken
    await lead.context.route("**/events*", lambda route: route.abort())
    for look, options in LOOKS.items():
        folder = ARTEFACTS / look
        folder.mkdir(parents=True, exist_ok=True)
        await lead.page.set_viewport_size(options["viewport"])
        await lead.page.emulate_media(color_scheme=options["color_scheme"])
        for name, path in paths.items():
            await lead.go(path)
            await lead.page.screenshot(path=folder / f"{name}.png", full_page=True)
            assert (folder / f"{name}.png").stat().st_size > 1_000
            if look != "phone":  # colours are what differs for a reader; a narrow page is measured below
                await no_serious_faults(lead.page, f"{look} {name}")
            wide = await lead.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= options["viewport"]["width"], (look, name)
    assert people.complaints() == []
    await lead.press("sign out") if await lead.page.get_by_role("button", name="sign out").count() else None
    link = await people.world.app.console.introduce("lead-two")
    for look, options in LOOKS.items():
        await lead.page.set_viewport_size(options["viewport"])
        await lead.page.emulate_media(color_scheme=options["color_scheme"])
        for name, url in (("sign-in", f"{lead.url}/sign-in"), ("enrol", link)):
            await lead.page.goto(url)
            await lead.page.screenshot(path=ARTEFACTS / look / f"{name}.png", full_page=True)
            await no_serious_faults(lead.page, f"{look} {name}")
    assert people.complaints() == []


async def test_every_page_has_a_twin(people: People) -> None:
    lead = await people.person("lead")
    paths = await seen(people)
    headers = await lead.cookies()
    for name, path in paths.items():
        base, _, query = path.partition("?")
        answer = await lead.context.request.get(f"{lead.url}{base}.json?{query}", headers=headers)
        assert answer.headers["content-type"] == "application/json" or name == "error", name
        assert answer.status == (404 if name == "error" else 200), name
        page = await lead.context.request.get(lead.url + path, headers=headers)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
    inbox = await lead.json("/inbox.json")
    assert [c["says"] for g in inbox["groups"] for c in g["cards"]]
    stranger = await lead.context.request.get(f"{lead.url}/inbox.json", headers={"cookie": "__Host-ailyus=guess"})
    assert stranger.status == 401


@pytest.fixture
async def plain(people: People) -> Person:
    """The lead, signed in, at a browser without JavaScript."""
    lead = await people.person("lead")
    context = await people.browser.new_context(java_script_enabled=False)
    await context.add_cookies(await lead.context.cookies())  # type: ignore[arg-type]  # what it gave it takes
    page = await context.new_page()
    return Person(people.world, "lead", context, page, lead.cdp, lead.authenticator)


async def test_without_javascript(people: People, plain: Person) -> None:
    """Everything but the passkey itself."""
    world = people.world
    paths = await seen(people)
    for name, path in paths.items():
        answer = await plain.page.goto(plain.url + path)
        assert answer is not None
        assert answer.status == (404 if name == "error" else 200), name
        assert "Ailyus" in await plain.page.title()
    # withdraw
    action = paths["approval"].rpartition("/")[2]
    await world.approve(action)
    await plain.go(paths["approval"])
    await plain.press("take my approval back")
    assert world.rows("SELECT count(*) FROM approvals WHERE action_id = ?", action) == [(0,)]
    assert "passkeys do" in await plain.page.content()
    # look again
    await plain.go(paths["action"])
    await plain.press("look again whether it still holds")
    assert "looked at again" in await plain.text()
    # halt and lift
    await plain.go("/agents")
    await plain.page.get_by_text("halt support-bot", exact=True).click()
    await plain.page.get_by_label("reason").fill("looks wrong")
    await plain.press("halt", exact=True)
    assert [h.name for h in world.app.journal.controls.halts] == ["support-bot"]
    await plain.press("lift the halt of support-bot")
    assert world.app.journal.controls.halts == ()
    # search
    await plain.go("/receipts")
    await plain.page.get_by_label("e-mail").fill("maria@example.com")
    await plain.press("find")
    assert await plain.page.locator("tbody tr").count() >= 2
    # evidence
    await plain.go(paths["action"])
    await plain.page.locator("summary").first.click()
    async with plain.page.expect_download() as coming:
        await plain.page.get_by_role("link", name="before/user").first.click()
    assert b"maria@example.com" in (await (await coming.value).path()).read_bytes()
    # sign out
    await plain.press("sign out")
    assert plain.page.url.endswith("/sign-in")


async def test_what_is_in_doubt_stands_on_top_and_is_resolved(people: People, plain: Person) -> None:
    """Taken on by a plain form, resolved with a passkey, and not by whom it was for."""
    world = people.world
    ended = await in_doubt(world)
    await plain.go("/inbox")
    text = await plain.text()
    assert text.index("Open or in doubt") < text.index("identity-oncall")
    await plain.press("I take it on")
    assert world.rows("SELECT acknowledged_by FROM escalations") == [("lead",)]
    requester = await people.person("requester")
    await requester.go(f"/actions/{ended['action_id']}")
    assert "Somebody else of the tenant" in await requester.text()
    lead = people.all[0]
    await lead.go(f"/actions/{ended['action_id']}")
    await lead.page.get_by_label("what you looked at").fill("the factor list of the user")
    await lead.press("it happened")
    assert "resolved by a person" in await lead.text()
    statuses = world.rows("SELECT status FROM statements WHERE kind = 'resolution'")
    assert statuses == [("asserted_applied",)]
    assert world.rows("SELECT count(*) FROM incidents WHERE resolved_ms IS NULL") == [(0,)]
    assert people.complaints() == []


async def test_what_is_in_doubt_is_looked_at_again_by_a_click(people: People, plain: Person) -> None:
    world = people.world
    ended = await in_doubt(world)
    state = world.sandbox.state()
    state["acme"]["okta"]["factors"][LEO["user_id"]] = []
    world.sandbox.put(state)
    await plain.go(f"/actions/{ended['action_id']}")
    await plain.press("look again what became of it")
    assert (await world.get(ended["action_id"]))["status"] == "confirmed"
    assert world.rows("SELECT count(*) FROM incidents WHERE resolved_ms IS NULL") == [(0,)]
    assert "look again what became of it" not in await plain.text()
    await plain.press("look again whether it still holds")
    assert world.rows("SELECT status FROM statements WHERE kind = 'recheck' ORDER BY leaf_index") == [
        ("confirmed",), ("holds",),
    ]  # fmt: skip


FOCUSED = """() => { const e = document.activeElement;
  return e.matches('body') ? '' : (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || '').trim().replace(/\\s+/g, ' '); }"""


async def test_keyboard_order_on_the_approval_page(people: People) -> None:
    lead = await people.person("lead")
    asked = await people.world.call("reset_user_mfa", MARIA)
    await lead.go(f"/approvals/{asked['action_id']}")
    order = []
    for _ in range(30):
        await lead.page.keyboard.press("Tab")
        name = await lead.page.evaluate(FOCUSED)
        if not name:
            break
        order.append(name)
    assert order == [
        "to the content",
        "Ailyus",
        "Inbox 1 waiting",
        "Actions",
        "Receipts",
        "Contracts",
        "Agents",
        "Connections",
        "Releases",
        "People",
        "sign out",
        "comment, signed with the decision; a refusal's reason reaches the agent",
        "approve with a passkey",
        "refuse with a passkey",
        "what is signed",
    ]
    # by keyboard alone: skip to the content, comment, approve
    await lead.go(f"/approvals/{asked['action_id']}")
    await lead.page.keyboard.press("Tab")
    await lead.page.keyboard.press("Enter")
    await lead.page.keyboard.press("Tab")
    await lead.page.keyboard.type("seen the ticket")
    await lead.page.keyboard.press("Tab")
    outline = await lead.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    async with lead.page.expect_navigation():
        await lead.page.keyboard.press("Enter")
    assert re.search(r"/actions/act_", lead.page.url)
    assert (await people.world.get(asked["action_id"]))["status"] == "confirmed"
