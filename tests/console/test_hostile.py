"""What agents and targets write is inert on every page and in the terminal, and nothing of it is hidden."""

import asyncio
import re
from typing import Any

from contracts.text.visible_text import visible
from tests.console.people import People, Person
from tests.world import MARIA, cli

MARKUP = {
    "script": "<script>window.hit=1</script><img src=x onerror=window.hit=1>",
    "attribute": '" onmouseover="window.hit=1" autofocus onfocus=\'window.hit=1\' x="',
    "template": "{{7*7}} ${7*7} {% raw %} {# x #}",
    "style": "</dd></dl><style>*{display:none}</style><base href=//evil.example>",
    "rich": "[conceal]hidden[/conceal] [link=http://evil.example]x[/link] [/]",
    "slack": "<http://evil.example|click> <!channel>",
    "uri": "javascript:window.hit=1",
}
"""Plain characters: an agent may write these too."""
UNSEEN = {
    "bidi": "abc\u202egpj.exe\u2066x",
    "zero width": "pay\u200bpal\u2060\ufeff",
    "escape": "\x1b[31mred\x1b[8mgone\x1b]8;;http://evil.example\x07link",
    "look-alike": "p\u0430ypal",
    "lines": "a\nwhat will change  Nothing at all\rb",
    "tags": "\U000e0041\U000e0042",
}
"""Characters that hide, reorder or command; a target may send these."""
ALL = {**MARKUP, **UNSEEN}
REASON = " ".join(MARKUP[name] for name in ("script", "rich", "slack", "template"))
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (e) => window.violations.push(e.violatedDirective + " " + e.blockedURI));
"""


async def check(person: Person, path: str, *wanted: str) -> None:
    """One page: every value stands on it whole, as escapes where it must, and none of it does anything."""
    await person.go(path)
    text = await person.page.evaluate("document.body.textContent")
    for value in wanted:
        assert visible(value) in text, (path, value)
    assert not RAW.search(text), path
    assert await person.page.evaluate("window.hit") is None, path
    assert await person.page.evaluate("window.violations") == [], path
    assert await person.page.locator("main img, main style, main base, main script, main [onmouseover]").count() == 0
    hidden = await person.page.evaluate(
        "[...document.querySelectorAll('.said')].filter(e => !e.closest('details:not([open])') && e.textContent.trim()"
        " && (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline'"
        "     || getComputedStyle(e).textOverflow === 'ellipsis' || !e.getClientRects().length)).length"
    )
    assert hidden == 0, path


def rename(people: People, email: str) -> None:
    """Another e-mail, in the directory and in the ticket that asks for it."""
    state = people.world.sandbox.state()
    profile = state["acme"]["okta"]["users"][MARIA["user_id"]]["profile"]
    for user in state["acme"]["zendesk"]["users"].values():
        if user["email"] == profile["email"]:
            user["email"] = email
    profile["email"] = email
    people.world.sandbox.put(state)


async def hostile(people: People) -> str:
    """A target whose records are full of it, and an agent whose reason is."""
    state = people.world.sandbox.state()
    state["acme"]["okta"]["factors"][MARIA["user_id"]][0]["provider"] = " ".join(ALL.values())
    people.world.sandbox.put(state)
    rename(people, UNSEEN["bidi"] + MARKUP["script"])
    asked = await people.world.call("reset_user_mfa", {**MARIA, "reason": REASON})
    assert asked["status"] == "approval_required", asked
    return str(asked["action_id"])


async def test_on_every_page_and_in_the_terminal(people: People) -> None:
    lead = await people.person("lead")
    await lead.context.add_init_script(WATCH)
    action = await hostile(people)
    email = UNSEEN["bidi"] + MARKUP["script"]
    await check(lead, "/inbox", email)
    values = [visible(v) for v in MARKUP.values()]
    await check(lead, f"/approvals/{action}", email, REASON)
    text = await lead.page.evaluate("document.body.textContent")
    for value in values:
        assert value in text
    # the characters that a record hides stand there as escapes
    for escape in ("\\u{202E}", "\\u{200B}", "\\u{0430}", "\\u{E0041}", "\\u{001B}", "\\u{000A}", "\\u{000D}"):
        assert escape in text, escape
    folder = str(people.world.workspace.root)
    printed = await asyncio.to_thread(cli, "approval", "show", action, "-w", folder)
    for value in (email, REASON):
        assert visible(value) in printed
    assert not RAW.search(printed)
    # what a read brings back, and what an agent hands over, is data on the pages of those actions
    state = people.world.sandbox.state()
    state["acme"]["zendesk"]["tickets"]["4711"]["subject"] = " ".join(ALL.values())
    people.world.sandbox.put(state)
    read = await people.world.call("get_ticket", {"ticket": "4711"})
    assert read["status"] == "confirmed"
    await check(lead, f"/actions/{read['action_id']}", MARKUP["uri"], email.replace('"', '\\"'))
    text = "\n".join(MARKUP.values())
    comment = await people.world.call("comment_on_ticket", {"ticket": "4712", "text": text})
    assert comment["status"] == "confirmed", comment
    await check(lead, f"/actions/{comment['action_id']}", text)
    await lead.go(f"/approvals/{action}")
    await lead.page.get_by_label("comment").fill(MARKUP["script"] + UNSEEN["bidi"])
    await lead.press("approve with a passkey")
    done = await people.world.get(action)
    receipt = done["receipt_id"]
    await check(lead, f"/actions/{action}", REASON)
    for path in (f"/receipts/{receipt}", f"/questions/allowed-by?receipt={receipt}", "/actions", "/receipts"):
        await check(lead, path)
    await check(lead, f"/questions/approved-by?receipt={receipt}", email, MARKUP["script"] + UNSEEN["bidi"])
    for command in (("receipt", "show", receipt), ("receipt", "approved-by", receipt), ("action", "show", action)):
        printed = await asyncio.to_thread(cli, *command, "-w", folder)
        assert not RAW.search(printed), command
    assert people.complaints() == []


async def test_what_is_typed_into_searches_and_addresses(people: People) -> None:
    lead = await people.person("lead")
    await lead.context.add_init_script(WATCH)
    from urllib.parse import quote

    for value in ALL.values():
        fields = "&".join(
            f"{field}={quote(value)}" for field in ("words", "record", "agent", "contract", "status", "kind")
        )
        await check(lead, f"/receipts?{fields}")
        await check(lead, f"/questions/changed?agent={quote(value)}")
        await check(lead, f"/questions/done-to?match={quote(value)}")
    lead.faults.clear()
    for value in (MARKUP["script"], UNSEEN["bidi"]):
        for path in ("/actions/", "/approvals/", "/receipts/", "/contracts/", "/enrol/", "/nowhere/"):
            await check(lead, path + quote(value, safe=""))
        await check(lead, f"/receipts?since={quote(value)}")
    assert people.complaints() == []


async def test_halts_and_their_reasons(people: People) -> None:
    lead = await people.person("lead")
    await lead.context.add_init_script(WATCH)
    await lead.go("/connections")
    await lead.page.get_by_text("halt okta", exact=True).click()
    form = lead.page.locator("details[open] form")
    await form.get_by_label("reason").fill(MARKUP["script"] + " " + UNSEEN["bidi"])
    async with lead.page.expect_navigation():
        await form.get_by_role("button", name="halt").click()
    await check(lead, "/connections", MARKUP["script"] + " " + UNSEEN["bidi"])
    answer = await people.world.call("reset_user_mfa", MARIA)
    assert answer["error"]["code"] == "halted"
    await lead.press("lift the halt of okta")
    assert (await people.world.call("reset_user_mfa", {**MARIA, "ticket": "4712"}))["status"] != "confirmed"
    assert people.complaints() == []


async def test_ten_thousand_characters(people: People) -> None:
    """What fits is shown whole; what does not cannot be approved, and is never cut."""
    lead = await people.person("lead", viewport={"width": 360, "height": 740})
    await lead.context.add_init_script(WATCH)
    sandbox = people.world.sandbox

    async def ask(email: str) -> dict[str, Any]:
        rename(people, email)
        return await people.world.call("reset_user_mfa", {**MARIA, "reason": "a new phone"})

    refused = await ask("x" * 10_000)
    assert refused["status"] != "approval_required"
    assert refused["error"]["code"] == "too_large"
    assert sandbox.writes() == 0
    fits = "y" * 1_900
    asked = await ask(fits)
    assert asked["status"] == "approval_required", asked
    for path in ("/inbox", f"/approvals/{asked['action_id']}", f"/actions/{asked['action_id']}"):
        await check(lead, path, *([fits] if "actions" not in path else []))
        wide = await lead.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, path
    assert people.complaints() == []


async def test_evidence_is_a_file_and_never_a_page(people: People) -> None:
    lead = await people.person("lead")
    rename(people, MARKUP["script"])
    asked = await people.world.call("reset_user_mfa", MARIA)
    action = await lead.json(f"/actions/{asked['action_id']}.json")
    moment = action["timeline"][0]
    piece = next(e["label"] for e in moment["evidence"] if e["label"] == "before/user")
    answer = await lead.context.request.get(
        f"{lead.url}/evidence/{moment['receipt']}/{piece}", headers=await lead.cookies()
    )
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"<script>" in await answer.body()
    reads = people.world.rows("SELECT count(*) FROM statements WHERE kind = 'access'")
    assert reads == [(1,)]  # who read it is logged
