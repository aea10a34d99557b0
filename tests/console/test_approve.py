"""Approving and refusing at the console, with real passkeys in a real browser."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.async_api import Route

from receipts.log.signing import Envelope
from server.console.live import SECONDS
from server.workspace.workspace import Workspace
from tests.console.people import SECOND_LEAD, People, Person, browsing, people_of, plugged
from tests.until import until
from tests.world import FILE, LEO, MARIA, Sandbox, cli, gateway, make_workspace

CEO = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone today"}


async def ask(people: People, arguments: dict[str, Any] = MARIA) -> str:
    answer = await people.world.call("reset_user_mfa", arguments)
    assert answer["status"] == "approval_required", answer
    return str(answer["action_id"])


def writes(people: People) -> int:
    return people.world.sandbox.writes()


async def test_enrol_sign_in_and_approve(people: People) -> None:
    lead = await people.person("lead", ready=False)
    await lead.enrol()
    await lead.sign_in()
    action = await ask(people)
    await lead.go("/inbox")
    assert "Reset" in await lead.text()
    await lead.page.get_by_role("link", name="look and decide").click()
    assert await lead.page.locator("h1").inner_text() == "Remove 2 MFA factors of maria@example.com"
    labels = await lead.page.locator("main > dl dt, section h2").all_inner_texts()
    wanted = ["who asked", "reason the agent's words", "why you", "if wrong", "reviewers", "so far today"]
    assert [label for label in labels if label in wanted] == wanted
    await lead.press("approve with a passkey")
    assert lead.page.url.endswith(f"/actions/{action}")
    # the page looks again by itself, until the outcome is read back
    await lead.page.wait_for_selector(".marks .status.confirmed")
    assert (await people.world.get(action))["status"] == "confirmed"
    assert people.complaints() == []
    rows = people.world.rows("SELECT count(*) FROM passkeys AS p JOIN keys USING (keyid) WHERE kind = 'passkey'")
    assert rows == [(1,)]


async def test_a_refusal_needs_a_reason_and_the_agent_reads_it(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await lead.page.get_by_role("button", name="refuse").click()
    await lead.page.get_by_text("say why").wait_for()
    assert (await people.world.get(action, 0))["status"] == "approval_required"
    await lead.page.get_by_label("comment").fill("call the person back first")
    await lead.press("refuse with a passkey")
    told = await people.world.get(action)
    assert (told["status"], told["data"]) == ("refused", {"reason": "call the person back first"})
    assert writes(people) == 0
    assert people.complaints() == []


async def test_two_people_in_two_browsers(people: People) -> None:
    first, second = await people.person("lead"), await people.person("lead-two")
    action = await ask(people, CEO)
    text = await first.decide(action)
    assert "more" in text or "waits for people" in text
    assert (await people.world.get(action, 0))["status"] == "approval_required"
    await second.go(f"/approvals/{action}")
    assert "approved so far" in await second.text()
    await second.press("approve with a passkey")
    assert (await people.world.get(action))["status"] == "confirmed"
    assert people.world.sandbox.effects() == 1
    assert people.complaints() == []


async def test_one_person_counts_once_and_takes_it_back(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people, CEO)
    await lead.decide(action)
    await lead.go(f"/approvals/{action}")
    assert "you have approved it" in await lead.text()
    assert await lead.page.get_by_role("button", name="approve with a passkey").count() == 0
    await lead.press("take my approval back")
    await lead.page.get_by_role("button", name="approve with a passkey").wait_for()
    assert people.world.rows("SELECT count(*) FROM approvals") == [(0,)]
    kinds = people.world.rows("SELECT status FROM statements WHERE action_id = ? ORDER BY leaf_index", action)
    assert [k[0] for k in kinds] == ["approval_required", "approved", "withdrawn"]
    await lead.press("approve with a passkey")
    assert (await people.world.get(action, 0))["status"] == "approval_required"
    assert writes(people) == 0


async def test_a_used_approval_is_not_taken_back(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.decide(action)
    await people.world.get(action)
    status, text = await lead.post(f"/approvals/{action}/withdraw", {})
    assert status == 409
    assert "used already" in text
    assert len(people.world.rows("SELECT 1 FROM approvals")) == 1


TWO_ROLES = """
[[people]]
name = "both"
tenant = "acme"
roles = ["SecurityLead", "Operations"]
"""
BOTH_NEEDED = """
@id("mfa-needs-both")
forbid (principal, action == Action::"reset_user_mfa", resource)
unless { context.approvals.SecurityLead >= 1 && context.approvals.Operations >= 1 };
@id("both-may-approve")
permit (principal in Role::"Operations", action == Action::"approve:reset_user_mfa", resource);
"""


async def test_one_person_does_not_count_for_two_roles(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> None:
    """Two pages, one for each role, both open before either decision: the second one is refused."""
    workspace = make_workspace(tmp_path / "w", sandbox, extra=TWO_ROLES)
    (workspace.root / "policies" / "both.cedar").write_text(BOTH_NEEDED)
    async with gateway(Workspace.open(workspace.root), sandbox) as world, browsing(world) as people:
        both, lead = await people.person("both"), await people.person("lead")
        action = await ask(people)
        await both.go(f"/approvals/{action}?role=SecurityLead")
        options = await both.page.locator("form[data-ceremony=approve]").get_attribute("data-options")
        await both.go(f"/approvals/{action}?role=Operations")
        await both.press("approve with a passkey")
        assert world.rows("SELECT person, role FROM approvals") == [("both", "Operations")]
        second = await both.page.evaluate(
            "async (text) => { const { binding, keys } = JSON.parse(text);"
            " return JSON.stringify(await signed('binding', binding, keys)); }",
            options,
        )
        assert '"role":"SecurityLead"' in second
        status, text = await both.post(f"/approvals/{action}/decide", {"signed": second})
        assert status == 409
        assert "decided already" in text
        await both.go(f"/approvals/{action}?role=SecurityLead")
        assert "you have approved it" in await both.text()
        assert world.rows("SELECT person, role FROM approvals") == [("both", "Operations")]
        assert (await world.get(action, 0))["status"] == "approval_required"
        assert sandbox.writes() == 0
        await lead.decide(action)
        assert (await world.get(action))["status"] == "confirmed"


async def test_nobody_approves_for_themselves(people: People) -> None:
    requester = await people.person("requester")
    action = await ask(people)
    await requester.go(f"/approvals/{action}")
    text = await requester.text()
    assert "holds none of the roles" in text or "somebody else must approve" in text
    assert await requester.page.get_by_role("button", name="approve").count() == 0
    await requester.press("end this request")
    assert (await people.world.get(action))["status"] == "cancelled"


async def test_the_author_of_the_release_does_not_approve(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND_LEAD)
    from policies.signed_release import document_of, sign_release
    from receipts.log.signing import load_key
    from server.app import App
    from server.cli.seed import seed_agent
    from server.gateway_process import running
    from server.workspace.releases import now_ms
    from tests.world import World

    release = workspace.release("lead")
    word = sign_release(document_of(release, "lead", "", now_ms()), load_key(workspace.key_file("lead")))
    app = App(workspace, release, signed=word)
    async with running(app, 0) as url:
        await seed_agent(app)
        world = World(app, sandbox, url, workspace.token_file("support-bot").read_text().strip())
        async with browsing(world) as people:
            lead = await people.person("lead")
            action = await ask(people)
            await lead.go(f"/approvals/{action}")
            assert "somebody else must approve this" in await lead.text()


async def change_state(people: People) -> None:
    state = people.world.sandbox.state()
    state["acme"]["okta"]["factors"][MARIA["user_id"]].pop()
    people.world.sandbox.put(state)


async def change_policy(people: People) -> None:
    root = people.world.workspace.root
    policy = root / "policies" / "approvals.cedar"
    policy.write_text(policy.read_text().replace("<= 900", "<= 600"))
    await people.world.app.replace(Workspace.open(root).release())


async def change_connection(people: People) -> None:
    root = people.world.workspace.root
    path = root / FILE
    path.write_text(path.read_text().replace('principal = "ailyus-writer"', 'principal = "another"'))
    await people.world.app.replace(Workspace.open(root).release())


@pytest.mark.parametrize(
    ("change", "reason"),
    [(change_state, "state changed"), (change_policy, "policy changed"), (change_connection, "connection")],
)
async def test_a_page_that_was_open_while_something_changed(people: People, change: Any, reason: str) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await change(people)
    await lead.press("approve with a passkey")
    assert reason in await lead.text()
    assert writes(people) == 0
    assert people.world.rows("SELECT 1 FROM approvals") == []


async def test_a_page_whose_document_is_not_what_would_be_signed(people: People) -> None:
    """Parameters on the page that are not those of the binding: the page itself signs nothing."""
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await lead.page.evaluate("document.querySelector('[data-label=\"input user_id\"]').dataset.value = 'somebody'")
    await lead.page.get_by_role("button", name="approve").click()
    await lead.page.get_by_text("what is shown is not what would be signed").wait_for()
    # and a binding with other parameters, shown consistently or not, is refused by the gateway
    await lead.go(f"/approvals/{action}")
    await lead.page.evaluate(
        "() => { const form = document.querySelector('form[data-ceremony=approve]');"
        " const options = JSON.parse(form.dataset.options);"
        f" options.binding.subject.params.user_id = '{LEO['user_id']}'; form.dataset.options = JSON.stringify(options); }}"
    )
    await lead.press("approve with a passkey")
    assert "params changed" in await lead.text()
    assert people.world.rows("SELECT 1 FROM approvals") == []


async def test_a_double_click_is_one_use(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await lead.page.get_by_role("button", name="approve").dblclick()
    await lead.page.wait_for_url(f"**/actions/{action}")
    assert (await people.world.get(action))["status"] == "confirmed"
    assert people.world.sandbox.effects() == 1
    assert people.world.rows("SELECT count(*) FROM approval_uses") == [(1,)]


async def test_the_same_form_sent_twenty_times_is_one_use(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await lead.page.evaluate(
        "() => { HTMLFormElement.prototype.submit = function () { window.sent = new FormData(this); }; }"
    )
    await lead.page.get_by_role("button", name="approve").click()
    while not await lead.page.evaluate("Boolean(window.sent)"):
        await asyncio.sleep(0.01)
    fields = await lead.page.evaluate("Object.fromEntries(window.sent)")
    headers = {**await lead.cookies(), "origin": lead.url}

    async def send() -> int:
        path = f"{lead.url}/approvals/{action}/decide"
        return (await lead.context.request.post(path, form=fields, headers=headers, max_redirects=0)).status

    codes = await asyncio.gather(*(send() for _ in range(20)))
    assert sorted(codes) == [303] + [409] * 19
    assert (await people.world.get(action))["status"] == "confirmed"
    assert people.world.sandbox.effects() == 1


async def test_a_session_that_ended(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await people.world.app.store.write(lambda txn: txn.write("UPDATE sessions SET expires_ms = 0"))
    await lead.press("approve with a passkey")
    assert "your session has ended" in await lead.text()
    assert people.world.rows("SELECT 1 FROM approvals") == []
    await lead.go(f"/approvals/{action}")
    assert "/sign-in?to=" in lead.page.url
    await lead.press("sign in with a passkey")
    assert lead.page.url.endswith(f"/approvals/{action}")
    await lead.press("sign out")
    await lead.go("/inbox")
    assert "/sign-in" in lead.page.url


async def test_forms_of_other_sites_and_other_sessions(people: People) -> None:
    lead, two = await people.person("lead"), await people.person("lead-two")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    token = await lead.page.locator("form[data-ceremony=approve] input[name=token]").get_attribute("value")
    path = f"/approvals/{action}/decide"
    elsewhere, another = "was not sent from this console", "was given to another session"
    cases: list[tuple[Person, str, str | None, str]] = [
        (lead, "http://evil.example", token, elsewhere),
        (lead, "http://localhost:1", token, elsewhere),
        (lead, "null", token, elsewhere),
        (two, lead.url, token, another),
        (lead, lead.url, "", another),
        (lead, lead.url, "\u00e9\u202e", another),
    ]
    for person, origin, sent, sentence in cases:
        answer = await person.context.request.post(
            lead.url + path,
            form={"token": sent or "", "signed": "{}"},
            headers={**await person.cookies(), "origin": origin},
        )
        assert answer.status == 403
        assert sentence in await answer.text(), origin
    rebound = await lead.context.request.get(
        f"http://127.0.0.1:{lead.url.rpartition(':')[2]}/inbox", headers={"host": "evil.example"}
    )
    assert rebound.status == 421


async def test_a_revoked_passkey_voids_what_it_approved(people: People) -> None:
    first, second = await people.person("lead"), await people.person("lead-two")
    action = await ask(people, CEO)
    await first.decide(action)
    keyid = next(
        k.keyid for k in (await people.world.app.journal.registry.keys()).values() if k.person == "lead" and k.passkey
    )
    await second.go("/people")
    await second.page.get_by_label("the last passkey of lead,").check()
    await second.press(f"revoke {keyid[:8]}")
    await second.decide(action)
    ended = await people.world.get(action, 5)
    assert ended["status"] != "confirmed"
    assert writes(people) == 0
    await first.go("/inbox")
    assert "/sign-in" in first.page.url  # its session ended with it
    statements = people.world.rows("SELECT count(*) FROM statements WHERE kind = 'key'")
    assert statements[0][0] >= 3


async def test_expiry_is_seen_by_everybody(people: People) -> None:
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go(f"/approvals/{action}")
    await people.world.app.store.write(lambda txn: txn.write("UPDATE actions SET expires_ms = 1"))
    await until(lambda: people.world.rows("SELECT status FROM actions") == [("expired",)])
    await lead.press("approve with a passkey")
    assert "waits for nobody" in await lead.text()
    await lead.go(f"/approvals/{action}")
    assert "expired" in await lead.text()


async def test_the_first_link(people: People) -> None:
    """Once, at the terminal, and worth nothing twice."""
    lead = await people.person("lead", ready=False)
    link = await people.world.app.console.introduce("lead")
    await lead.page.goto(link)
    await lead.press("make a passkey here")
    await lead.page.goto(link)
    assert "used or is past its time" in await lead.text()
    late = await people.world.app.console.introduce("lead-two")
    await people.world.app.store.write(lambda txn: txn.write("UPDATE introductions SET expires_ms = 1", rows=None))
    await lead.page.goto(late)
    assert "used or is past its time" in await lead.text()
    await lead.go("/enrol/guessed")
    assert "used or is past its time" in await lead.text()
    printed = await asyncio.to_thread(cli, "person", "invite", "lead-two", "-w", str(people.world.workspace.root))
    assert printed.startswith(f"{lead.url}/enrol/")
    first = await people.world.app.console.first_run()
    assert first is None  # somebody has a passkey


async def test_who_brings_further_passkeys(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> None:
    async with people_of(tmp_path / "w", sandbox) as people:
        lead, two = await people.person("lead"), await people.person("lead-two")
        # two admins have passkeys: the terminal introduces nobody any more
        refused = await asyncio.to_thread(
            cli, "person", "invite", "requester", "-w", str(people.world.workspace.root), ok=False
        )
        assert "two admins have passkeys" in refused
        # one admin is not enough, and the same one twice is not two
        await lead.go("/people")
        await lead.press("introduce requester")
        assert "introduced by lead" in await lead.text()
        await lead.press("introduce requester")
        assert "another admin must introduce them too" in await lead.text()
        assert people.world.rows("SELECT token_hash FROM introductions WHERE person = 'requester'") == [(None,)]
        await two.go("/people")
        await two.press("introduce requester")
        link = await two.page.locator("code").inner_text()
        requester = await people.person("requester", ready=False)
        await requester.page.goto(link)
        assert "Introduced by lead and lead-two" in await requester.text()
        await requester.press("make a passkey here")
        await requester.sign_in()
        # who is no admin introduces nobody
        await requester.go("/people")
        assert await requester.page.get_by_role("button", name="introduce").count() == 0
        rows = people.world.rows("SELECT count(*) FROM statements WHERE kind = 'key'")
        assert rows[0][0] >= 3
        assert people.complaints() == []


async def test_a_further_passkey_of_ones_own(people: People) -> None:
    lead = await people.person("lead")
    await lead.go("/people")
    await lead.page.get_by_role("button", name="bring a further passkey").click()
    await lead.page.get_by_text("holds a passkey of yours already").wait_for()
    await plugged(lead)
    await lead.press("bring a further passkey")
    assert people.world.rows("SELECT count(*) FROM passkeys") == [(2,)]
    about = people.world.rows("SELECT envelope FROM statements WHERE kind = 'key' ORDER BY leaf_index DESC LIMIT 1")
    told = orjson.loads(Envelope.decode(bytes(about[0][0])).payload)["predicate"]["about"]
    assert (told["event"], told["keyKind"], told["authority"]) == ("linked", "passkey", "passkey")
    assert people.complaints() == []


async def test_a_further_passkey_without_the_one_that_one_has(people: People) -> None:
    lead = await people.person("lead")
    await lead.go("/people")
    await plugged(lead)
    # the word is the new passkey's own, said to be the first one's
    await lead.page.evaluate(
        """async () => {
          const form = document.querySelector("form[data-ceremony=add]"), options = JSON.parse(form.dataset.options);
          const made = await attestation(options);
          const word = { ...options.word, about: hex(await digestOf(made.attestation_object)) };
          const old = await assertion(await digestOf({ ...word, about: "another" }), options.keys, options.rpId);
          form.elements.attestation.value = JSON.stringify(made);
          form.elements.signed.value = JSON.stringify({ word, keyid: options.keys[0].keyid, assertion: old });
        }"""
    )
    async with lead.page.expect_navigation():
        await lead.page.evaluate("document.querySelector('form[data-ceremony=add]').submit()")
    assert "signature does not hold" in await lead.text()
    # a session alone, without any word, brings nothing
    await lead.go("/people")
    async with lead.page.expect_navigation():
        await lead.page.evaluate("document.querySelector('form[data-ceremony=add]').submit()")
    assert "the form is malformed" in await lead.text()
    assert people.world.rows("SELECT count(*) FROM passkeys") == [(1,)]


async def test_a_page_that_looks_again_does_not_undo_a_click(people: People) -> None:
    """The inbox changes while the page behind a link is on its way: the link wins."""
    lead = await people.person("lead")
    action = await ask(people)
    await lead.go("/inbox")
    on_its_way, changed = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        on_its_way.set()
        await changed.wait()
        await route.continue_()

    await lead.page.route("**/approvals/*", hold)
    link = lead.page.get_by_role("link", name="look and decide")
    await link.click(no_wait_after=True)
    await on_its_way.wait()
    await ask(people, LEO)
    await asyncio.sleep(3 * SECONDS)  # the inbox is told of the second request by then
    changed.set()
    await lead.page.wait_for_url(f"**/approvals/{action}")
    await lead.page.get_by_role("button", name="approve with a passkey").wait_for()
