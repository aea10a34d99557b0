"""Four people do their jobs by clicking alone, from the first page on: tests/console/README.md lists the jobs."""

import re
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Page

from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from tests.console.people import People, Person, plugged
from tests.journeys.rotation import ROTATE
from tests.project import ROOT
from tests.world import LEO, MARIA

FOLDER = Path(__file__).parent
CEO = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone today"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PLAN = "rotate_api_key_and_update_integration"


async def home(person: Person) -> Page:
    """The only address that anybody types here."""
    return await person.go("/")


async def follow(page: Page, name: str, *, within: str = "main") -> None:
    """Click a link and wait for its page."""
    async with page.expect_navigation():
        await page.locator(within).get_by_role("link", name=name).first.click()


async def place(page: Page, name: str) -> None:
    """Go to a page of the header: on a phone it is behind "menu"."""
    menu = page.get_by_role("button", name="menu")
    if await menu.is_visible():
        await menu.click()
    await follow(page, name, within="header nav")


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(people: People) -> Person:
    """Signed in, in the dark, at a browser without JavaScript."""
    return await people.without_javascript(await people.person("lead"), color_scheme="dark", **DESK)


async def test_an_approver_on_a_phone(people: People) -> None:
    """Brings a passkey of the phone; approves one, a plan, and one that two must approve."""
    world = people.world
    lead = await people.person("lead", ready=False, **PHONE)
    await lead.enrol()
    await lead.sign_in()
    page = await home(lead)
    await place(page, "People")
    await page.get_by_label("name of the new passkey").fill("the phone")
    await plugged(lead)
    await lead.press("bring a further passkey")
    await page.locator(".card.mine").get_by_text("the phone", exact=True).first.wait_for()

    asked = await world.call("reset_user_mfa", MARIA)
    page = await home(lead)
    await follow(page, "Remove 2 MFA factors of maria@example.com")
    assert await page.locator("h1").inner_text() == "Remove 2 MFA factors of maria@example.com"
    await lead.press("approve with a passkey")
    await page.locator(".marks .status.confirmed").wait_for()
    assert (await world.get(asked["action_id"]))["status"] == "confirmed"

    plan = await world.call(PLAN, ROTATE)
    await follow(page, "waiting", within="header")
    await follow(page, "look and decide")
    assert await page.locator("ol.cards > li").count() == 3
    await lead.press("approve with a passkey")
    assert (await world.get(plan["action_id"], 45))["status"] == "confirmed"
    await page.locator(".marks .status.confirmed").wait_for()

    third = await world.call("reset_user_mfa", CEO)
    second = await people.person("lead-two", **PHONE)
    for person, so_far in ((lead, "0 of 2 SecurityLead"), (second, "1 of 2 SecurityLead")):
        page = await home(person)
        await follow(page, "MFA factor")
        assert so_far in await person.text()
        await page.get_by_label("comment").fill(f"{person.name} called back")
        await person.press("approve with a passkey")
    assert (await world.get(third["action_id"]))["status"] == "confirmed"
    assert people.complaints() == []


async def test_a_security_analyst(people: People, analyst: Person) -> None:
    """Finds what was done to a person last night and verifies it; finds why a call was denied."""
    world = people.world
    done = await world.reset()
    await world.reset(LEO)
    denied = await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})
    assert denied["status"] == "denied"

    page = await home(analyst)
    await place(page, "Receipts")
    await page.get_by_label("record: id, e-mail or indexed input").fill("maria@example.com")
    await page.get_by_text("more filters").click()
    await page.get_by_label("since").fill("12h")
    await page.get_by_label("kind of statement").select_option("outcome")
    await analyst.press("find")
    assert await page.locator("tbody tr").count() == 1
    await follow(page, "Remove 2 MFA factors of maria@example.com")
    assert "requester" in await analyst.text()
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="download the proof").click()
    proof = (await (await coming.value).path()).read_bytes()
    found = verify(proof, read_roots(world.workspace.root / "roots.json")).receipt
    assert (proof.count(done["receipt_id"].encode()) > 0, found["status"]) == (True, "confirmed")

    await place(page, "Actions")
    await page.locator("select[name=status]").select_option("denied")
    await analyst.press("find")
    await follow(page, "MFA factors of maria@example.com")
    assert "mfa-reset-is-for-the-requester" in await page.locator("#why").inner_text()
    assert page.url.endswith(denied["action_id"])


async def test_a_policy_admin(people: People) -> None:
    """Reads the rule that asks for a lead, and gives an agent a new token."""
    world = people.world
    lead = await people.person("lead", **DESK)
    page = await home(lead)
    await place(page, "Policies")
    await page.get_by_role("link", name="lead").first.wait_for()
    await place(page, "Agents")
    await follow(page, "support-bot")
    await page.get_by_text("rotate the token", exact=True).click()
    await lead.press("rotate now")
    token = (await page.locator("code", has_text="ailyus_").first.inner_text()).strip()
    assert await world.app.agents.caller(world.token) is None
    caller = await world.app.agents.caller(token)
    assert caller is not None
    assert caller.agent == "support-bot"
    assert people.complaints() == []


async def test_a_reliability_engineer(people: People) -> None:
    """Halts a connection in an incident, sees what is held, and lifts the halt."""
    world = people.world
    engineer = await people.without_javascript(await people.person("lead"), **DESK)
    asked = await world.call("reset_user_mfa", MARIA)
    page = await home(engineer)
    await follow(page, "okta")
    await page.get_by_text("halt okta", exact=True).click()
    await page.get_by_label("reason").fill("P1: Okta answers wrongly")
    await engineer.press("halt", exact=True)
    await world.approve(asked["action_id"])
    assert world.sandbox.writes() == 0
    page = await home(engineer)
    await place(page, "Actions")
    await follow(page, "Remove 2 MFA factors of maria@example.com")
    assert "approved, held by a halt" in await engineer.text()
    await follow(page, "halted now")
    await engineer.press("lift the halt of okta")
    assert (await world.get(asked["action_id"]))["status"] == "confirmed"
    assert await page.locator("#halted").count() == 0


def test_each_job_names_a_test_that_exists() -> None:
    page = (FOLDER / "README.md").read_text()
    named = re.findall(r"`([\w/]+\.py)(?:::(test_\w+))?`", page)
    assert len(named) > 20
    for file, test in named:
        path = ROOT / file if "/" in file else FOLDER / file
        assert not test or f"def {test}(" in path.read_text(), (file, test)
        assert path.exists(), file
