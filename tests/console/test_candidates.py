"""A release that the policies ask further people for: proposed, shown, signed at the console, and made live."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio

from tests.console.axe import no_faults
from tests.console.looks import pictured
from tests.console.people import SECOND_LEAD, People, Person, browsing
from tests.journeys.releases import add_policies, edit, widen
from tests.world import Sandbox, ailyus, cli, gateway, make_workspace

WIDTHS = (390, 1280)


@pytest_asyncio.fixture(loop_scope="session")
async def people(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> AsyncIterator[People]:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND_LEAD)
    add_policies(workspace.root)
    async with gateway(workspace, sandbox) as world, browsing(world) as running:
        yield running


async def proposed(people: People) -> str:
    """A wider release that lead proposes; its digest."""
    widen(people.world.workspace)
    return await proposal(people)


async def proposal(people: People) -> str:
    said = await ailyus(
        people.world, "release", "propose", "--as", "lead", "--reason", "<b>one</b> second", "--allow-wider",
        "--format", "json",
    )  # fmt: skip
    answer = orjson.loads(said[: said.rindex("}") + 1])
    assert answer["page"] == f"{people.world.app.console.url}/releases/{answer['candidate']}"
    assert answer["needs"] == [{"SecurityLead": 1}]
    return str(answer["candidate"])


def live(people: People) -> str:
    return people.world.app.runner.release.digest


async def signed_here(person: Person) -> str:
    """What the page would send, without sending it."""
    return str(
        await person.page.evaluate(
            """async () => {
                const form = document.querySelector("form[data-ceremony=release]");
                const { document: word, keys } = JSON.parse(form.dataset.options);
                return JSON.stringify(await signed("document", word, keys));
            }"""
        )
    )


async def test_two_people_release_together(people: People) -> None:
    lead, second = await people.person("lead"), await people.person("lead-two")
    before, digest = live(people), await proposed(people)
    await second.go("/inbox")
    release = (await page_of(second, digest))["release"][:12]
    await second.page.get_by_role("link", name=f"release {release}").click()
    await second.go("/releases")
    await second.page.get_by_role("link", name=release).click()
    await second.page.get_by_text("policies/approvals.cedar", exact=True).click()
    difference = await second.page.locator("details[open] .difference").inner_text()
    assert ("<= 900" in difference, "<= 901" in difference) == (True, True)
    for width in WIDTHS:
        await second.page.set_viewport_size({"width": width, "height": 900})
        await no_faults(second.page, f"candidate {width}")
        assert await second.page.evaluate("document.documentElement.scrollWidth") <= width
    await pictured(second.page, "full", "candidate")
    said = await second.text()
    for words in ("2 changes, 1 of which", "changed policy prod-high-needs-lead, risk ", "<b>one</b> second"):
        assert words in said, words
    assert "wider-release-needs-a-second-person asks for approvals: 1 SecurityLead" in said
    assert await second.page.get_by_role("button", name="make it the live release").count() == 0
    # who proposes signs nothing more
    await lead.go(f"/releases/{digest}")
    assert "you propose this release" in await lead.text()
    assert await lead.page.get_by_role("button", name="approve").count() == 0
    await second.page.get_by_label("comment").fill("seen")
    await second.press("approve with a passkey")
    assert "enough people have approved it" in await second.text()
    assert live(people) == before
    await lead.page.reload()
    assert "lead-two as SecurityLead: seen" in await lead.text()
    await lead.press("make it the live release")
    assert live(people) != before
    record = await people.world.app.journal.registry.newest_signed()
    assert record is not None
    assert record.signed is not None
    assert (record.author, [a.document.approver for a in record.signed.approvals]) == ("lead", ["lead-two"])
    await lead.go(f"/releases/{digest}")
    assert "applied by lead" in await lead.text()
    await pictured(lead.page, "full", "candidate-applied")
    assert people.complaints() == []
    said = cli("audit", cwd=people.world.workspace.root)
    assert "nothing is missing and nothing was changed" in said


async def page_of(person: Person, digest: str) -> Any:
    return await person.json(f"/releases/{digest}.json")


async def test_a_refusal_ends_it_and_needs_a_reason(people: People) -> None:
    second = await people.person("lead-two")
    before, digest = live(people), await proposed(people)
    await second.go(f"/releases/{digest}")
    await second.page.get_by_role("button", name="refuse").click()
    await second.page.get_by_text("say why").wait_for()
    await second.page.get_by_label("comment").fill("not this week")
    await second.press("refuse with a passkey")
    assert "refused by lead-two: not this week" in await second.text()
    said = await ailyus(people.world, "release", "apply", "--proposed", digest[:12], ok=False)
    assert "the candidate was refused by lead-two" in said
    assert live(people) == before
    assert people.world.rows("SELECT count(*) FROM evidence WHERE label = 'package'") == [(0,)]
    assert people.complaints() == []


async def test_an_approval_is_taken_back_and_its_bytes_never_count_again(people: People) -> None:
    second = await people.person("lead-two")
    digest = await proposed(people)
    await second.go(f"/releases/{digest}")
    sent = await signed_here(second)
    status, _ = await second.post(f"/releases/{digest}/decide", {"signed": sent})
    assert status == 303
    await second.go(f"/releases/{digest}")
    assert "you have approved it" in await second.text()
    await second.press("take my approval back")
    status, text = await second.post(f"/releases/{digest}/decide", {"signed": sent})
    assert (status, "taken back" in text) == (409, True)
    said = await ailyus(people.world, "release", "apply", "--proposed", digest[:12], ok=False)
    assert "the release is not approved" in said
    await second.press("approve with a passkey")
    assert "is live" in await ailyus(people.world, "release", "apply", "--proposed", digest[:12])


async def test_what_is_signed_is_this_candidate_as_it_was_shown(people: People) -> None:
    """The challenge is the digest of a document that names the candidate, what was shown, and the live release."""
    second = await people.person("lead-two")
    digest = await proposed(people)
    edit(people.world.workspace, "policies/approvals.cedar", "<= 901", "<= 902")
    edit(people.world.workspace, "policies/approvals.test.yaml", "oldest_seconds: 902", "oldest_seconds: 903")
    other = await proposal(people)
    await second.go(f"/releases/{digest}")
    about = orjson.loads(await signed_here(second))
    theirs = (await page_of(second, other))["waiting"]["document"]
    for field in ("candidate", "signed", "display_digest", "live", "expires_ms", "role"):
        changed = {**about, "document": {**about["document"], field: theirs[field] if field != "role" else "Support"}}
        if changed == about:
            changed["document"][field] = "0" * 64 if field == "live" else 1
        at = changed["document"]["candidate"]
        status, _ = await second.post(f"/releases/{at}/decide", {"signed": orjson.dumps(changed).decode()})
        assert status == 409, field
    # a page whose words were changed signs nothing
    await second.page.evaluate("document.querySelector('[data-line]').dataset.value = 'nothing changes'")
    await second.page.get_by_role("button", name="approve with a passkey").click()
    await second.page.get_by_text("what is shown is not what would be signed").wait_for()
    statements = people.world.rows("SELECT count(*) FROM statements WHERE kind = 'candidate'")
    assert statements == [(2,)]


async def test_a_candidate_against_another_live_release_is_stale(people: People) -> None:
    second = await people.person("lead-two")
    root, digest = people.world.workspace.root, await proposed(people)
    await second.go(f"/releases/{digest}")
    sent = await signed_here(second)
    edit(people.world.workspace, "policies/approvals.cedar", "<= 901", "<= 900")
    edit(people.world.workspace, "policies/approvals.test.yaml", "oldest_seconds: 902", "oldest_seconds: 901")
    (root / "policies" / "narrow.cedar").write_text(
        '@id("never-at-nowhere")\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\n'
    )
    await ailyus(people.world, "release", "apply", "--as", "lead")
    now = live(people)
    status, text = await second.post(f"/releases/{digest}/decide", {"signed": sent})
    assert (status, "something was released" in text) == (409, True)
    said = await ailyus(people.world, "release", "apply", "--proposed", digest[:12], ok=False)
    assert "something was released" in said
    assert live(people) == now
    await second.go(f"/releases/{digest}")
    assert "stale" in await second.text()
    assert people.complaints() == []


async def test_who_is_no_admin_and_who_is_of_another_tenant(people: People) -> None:
    requester, outsider = await people.person("requester"), await people.person("outsider")
    digest = await proposed(people)
    await requester.go(f"/releases/{digest}")
    assert "you hold none of the roles that are asked for: SecurityLead" in await requester.text()
    status, _ = await requester.post(f"/releases/{digest}/apply", {})
    assert status == 403
    status, _ = await requester.post(f"/releases/{digest}/withdraw", {})
    assert status == 403
    path = people.world.workspace.root / "ailyus.toml"
    path.write_text(path.read_text().replace('roles = ["Support", "Operations"]', 'roles = ["Support"]'))
    wider = await proposal(people)
    shown = (await outsider.json(f"/releases/{wider}.json"))["waiting"]
    assert (shown["lines"], shown["files"], shown["document"]) == ([], [], None)
    assert "requester" not in str(shown["own"])
    await outsider.go(f"/releases/{wider}")
    assert "some of it is about other tenants" in await outsider.text()
    await asyncio.sleep(0)
    assert people.complaints() == []
