"""Every page, in light, dark and on a phone: as pictures, for screen readers, without JavaScript, by keyboard."""

import re
from collections import Counter
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.console.axe import at_hand, no_faults
from tests.console.looks import looked_at, page_routes, pictured, route_of
from tests.console.people import People, Person, in_doubt
from tests.journeys.rotation import ROTATE
from tests.world import LEO, MARIA

MAX_PAGE = 60 * 1024
"""Bytes of a page with its styles, scripts and icon."""
EMPTY = (
    *("/", "/inbox", "/actions", "/receipts", "/agents", "/connections", "/releases", "/people", "/notices"),
    "/questions/denied",
)
"""Pages that say something else while nothing has happened yet, and so are looked at in each look."""
UNUSED = (
    *("/contracts", "/contracts/reset_user_mfa", "/plans/rotate_api_key_and_update_integration", "/policies"),
    *("/policies/prod-high-needs-lead", "/agents/support-bot", "/connections/okta", "/search?q=nobody"),
    *("/questions/changed", "/questions/unconfirmed", "/questions/approved-by", "/questions/done-to"),
    *("/questions/allowed-by", "/questions/missing", "/questions/policies"),
)
"""Pages whose other state is shown by one picture."""
NO_PAGES = {
    "/static/{name}",
    "/static/editor/{name}",
    *("/actions.csv", "/receipts.csv", "/receipts/{receipt}/proof", "/evidence/{receipt}/{label:path}", "/roots"),
    *("/events", "/connections/{name}/back"),
}
"""What is downloaded, listened to, or sends a browser on."""
ELSEWHERE = {
    "/releases/{candidate}": ("test_candidates.py", "candidate"),
    "/releases/{candidate}/impact": ("test_policy_edit.py", "candidate-impact"),
    "/policy-edits": ("test_policy_edit.py", "policy-edit"),
}
"""Pages that need a world of their own, with the test that takes their pictures, and how the names of those begin."""
ONE_STATE = {"/design", "/{path:path}"}
"""The page about the looks themselves, and the one about whatever is not there."""


async def seen(people: People) -> dict[str, str]:
    """A world in which every page has something to show, and the path of each."""
    world = people.world
    done = await world.reset()
    waiting = await world.call(
        "reset_user_mfa", {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone"}
    )
    plan = await world.call("rotate_api_key_and_update_integration", ROTATE)
    await in_doubt(world)
    denied = await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})
    assert denied["status"] == "denied"
    action, receipt = done["action_id"], done["receipt_id"]
    return {
        "home": "/",
        "inbox": "/inbox",
        "approval": f"/approvals/{waiting['action_id']}",
        "moved": f"/approvals/{action}",
        "actions": "/actions",
        "action": f"/actions/{action}",
        "changes": f"/actions/{action}/changes",
        "filtered": "/actions?words=mfa&agent=support-bot&risk=high",
        "nothing": "/actions?words=nobody",
        "receipts": f"/receipts?record={MARIA['user_id']}",
        "receipt": f"/receipts/{receipt}",
        "verify": f"/receipts/{receipt}/verify",
        "changed": "/questions/changed?agent=support-bot",
        "unconfirmed": "/questions/unconfirmed",
        "approved-by": f"/questions/approved-by?receipt={receipt}",
        "done-to": "/questions/done-to?match=maria@example.com",
        "allowed-by": f"/questions/allowed-by?receipt={receipt}",
        "denied": "/questions/denied",
        "missing": "/questions/missing",
        "would": "/questions/policies?agent=support-bot&action=reset_user_mfa",
        "contracts": "/contracts",
        "contract": "/contracts/reset_user_mfa",
        "contract-plan": "/plans/rotate_api_key_and_update_integration",
        "policies": "/policies",
        "policy": "/policies/prod-high-needs-lead",
        "asked": "/questions/policies?agent=support-bot&action=reset_user_mfa",
        "agents": "/agents",
        "agent": "/agents/support-bot",
        "connections": "/connections",
        "connection": "/connections/okta",
        "releases": "/releases",
        "people": "/people",
        "notices": "/notices",
        "plan": f"/approvals/{plan['action_id']}",
        "search": "/search?q=reset",
        "design": "/design",
        "error": "/nowhere",
    }


DENIED = ("/actions/{}", "/actions/{}/changes", "/receipts/{}", "/receipts/{}/verify")
"""Pages of a denied action, which say something else."""
PLANTED = {
    "document.querySelector('h1').style.color = '#bbb'": "color-contrast",
    "document.querySelector('main p.quiet').style.backgroundColor = '#666'": "color-contrast",
    "document.documentElement.removeAttribute('lang')": "html-has-lang",
}
"""Faults of a page that was found without any, and the rule that tells of each."""
GONE = {"sign-in-first": "/sign-in?to=/people", "enrol-ended": "/enrol/nobody"}
"""What somebody sees who is not signed in."""


def named(path: str) -> str:
    """The name of the picture of a path."""
    return re.sub(r"\W+", "-", path).strip("-") or "home"


async def test_pictures_and_screen_readers_where_nothing_has_happened(people: People, still: Page) -> None:
    """Every page, empty, as it comes from the server."""
    url = people.world.app.console.url
    for path in (*EMPTY, *UNUSED):
        await still.goto(url + path)
        look = looked_at if path in EMPTY else pictured
        await look(still, "empty", named(path))
    await still.emulate_media(color_scheme="light")
    for fault, rule in PLANTED.items():
        await still.goto(url)
        await no_faults(still, "a page that was looked at")
        await still.evaluate(fault)
        with pytest.raises(AssertionError, match=rule):
            await no_faults(still, "a fault that was planted")
    await still.context.clear_cookies()
    for name, path in GONE.items():
        await still.goto(url + path)
        await pictured(still, "empty", name)


async def test_pictures_and_screen_readers(people: People, still: Page) -> None:
    """Every page, full, as it comes from the server; with those of the test above, each page has two states at least."""
    url = people.world.app.console.url
    full = await seen(people)
    for name, path in full.items():
        await still.goto(url + path)
        await looked_at(still, "full", name)
    denied = await people.world.call("reset_user_mfa", {**MARIA, "ticket": "4713", "reason": "again"})
    of_denied = [one.format(denied["receipt_id" if "receipts" in one else "action_id"]) for one in DENIED]
    for place, path in zip(DENIED, of_denied, strict=True):
        await still.goto(url + path)
        await pictured(still, "denied", named(place))
    await still.context.clear_cookies()
    invited = (await people.world.app.console.introduce("lead-two")).removeprefix(url)
    for name, path in (("sign-in", "/sign-in"), ("enrol", invited)):
        await still.goto(url + path)
        await looked_at(still, "full", name)
    shown = [*EMPTY, *UNUSED, *GONE.values(), *full.values(), *of_denied, "/sign-in", invited]
    routes = page_routes(people)
    states = Counter(route_of(routes, path) for path in shown)
    wanted = {one.path for one in routes} - NO_PAGES - ELSEWHERE.keys()
    assert wanted == states.keys(), "each page has its pictures here"
    assert {path for path, count in states.items() if count < 2} <= ONE_STATE
    for file, name in ELSEWHERE.values():
        text = (Path(__file__).parent / file).read_text()
        assert len(re.findall(rf'await pictured\([^)]*"{name}', text)) >= 2, name


STANDS = """() => new Promise((done) => {
  const moved = [], note = (found) => found.forEach((one) => moved.push(one.value));
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  const files = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const bytes = files.reduce((sum, file) => sum + file.decodedBodySize, 0);
  // what is drawn last is told in the frame after it
  requestAnimationFrame(() => requestAnimationFrame(() => { note(observer.takeRecords()); done({ moved, bytes }); }));
})"""
"""How far things moved after they were drawn, and the bytes of a page with all that it loads."""
STILL = 0.01
"""A tenth of what counts as good (Web Vitals, cumulative layout shift: 0.1): a word that got longer, and no line."""


async def test_every_page_has_a_twin_and_stands_still(people: People) -> None:
    """Its JSON, its headers, and no layout shift: nobody presses what moved under the finger."""
    lead = await people.person("lead")
    paths = await seen(people)
    headers = await lead.cookies()
    # what happens meanwhile changes a page, which is another thing
    await lead.page.route("**/events*", lambda route: route.abort())
    for name, path in paths.items():
        base, _, query = path.partition("?")
        answer = await lead.context.request.get(f"{lead.url}{base}.json?{query}", headers=headers)
        assert answer.headers["content-type"] == "application/json" or name == "error", name
        assert answer.status == (404 if name == "error" else 200), name
        for width in (390, 1280):
            await lead.page.set_viewport_size({"width": width, "height": 844})
            page = await lead.page.goto(lead.url + path)
            assert page is not None
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["cache-control"] == "no-store"
            stands = await lead.page.evaluate(STANDS)
            assert sum(stands["moved"]) < STILL, (name, width)
            assert len(await page.body()) < stands["bytes"] <= MAX_PAGE, name
    # what moves is noticed
    await lead.page.evaluate(
        "document.querySelector('main').prepend(Object.assign(document.createElement('pre'), {textContent: '\\n'.repeat(9)}))"
    )
    assert sum((await lead.page.evaluate(STANDS))["moved"]) > STILL
    inbox = await lead.json("/inbox.json")
    assert [c["says"] for c in inbox["cards"]]
    stranger = await lead.context.request.get(f"{lead.url}/inbox.json", headers={"cookie": "__Host-ailyus=guess"})
    assert stranger.status == 401


@pytest_asyncio.fixture(loop_scope="session")
async def still(people: People) -> Page:
    """A page of the lead on which no script of ours runs; axe-core itself needs JavaScript."""
    lead = await people.person("lead")
    context = await people.browser.new_context()
    await context.add_cookies(await lead.context.cookies())  # type: ignore[arg-type]  # what it gave it takes
    await context.route("**/static/*.js", lambda route: route.abort())
    await at_hand(context)
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def plain(people: People) -> Person:
    """The lead, signed in, at a browser without JavaScript."""
    return await people.without_javascript(await people.person("lead"))


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
    found = [row[0] for row in world.rows("SELECT status FROM statements WHERE kind = 'recheck' ORDER BY leaf_index")]
    # a gateway looks later by itself too
    assert (found[0], set(found[1:])) == ("confirmed", {"holds"})


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
        "Home",
        "Inbox 1 waiting",
        "Actions",
        "Receipts",
        "Contracts",
        "Policies",
        "Agents",
        "Connections",
        "Releases",
        "People",
        "search",
        "sign out",
        "zendesk 4711 in a new window",
        "prod-high-needs-lead",
        "what is signed",
        "comment, signed as SecurityLead; a refusal's reason reaches the agent",
        "approve with a passkey",
        "refuse with a passkey",
        "notices",
        "keyboard",
    ]
    # by keyboard alone: skip to the content, comment, approve
    await lead.go(f"/approvals/{asked['action_id']}")
    await lead.page.keyboard.press("Tab")
    await lead.page.keyboard.press("Enter")
    for name in order[order.index("zendesk 4711 in a new window") :]:
        await lead.page.keyboard.press("Tab")
        assert await lead.page.evaluate(FOCUSED) == name
        if name.startswith("comment"):
            break
    await lead.page.keyboard.type("seen the ticket")
    await lead.page.keyboard.press("Tab")
    outline = await lead.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    async with lead.page.expect_navigation():
        await lead.page.keyboard.press("Enter")
    assert re.search(r"/actions/act_", lead.page.url)
    assert (await people.world.get(asked["action_id"]))["status"] == "confirmed"
