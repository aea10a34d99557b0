"""An admin writes policies at the console: a mistake is shown where it stands, the meaning is shown, a passkey signs."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from receipts.tables import shadows
from server.operations import policy_edit
from server.workspace.policy_editor import PACKAGE, take_editor
from server.workspace.workspace import Workspace
from tests.console.axe import no_faults
from tests.console.looks import pictured
from tests.console.people import People, Person, browsing
from tests.console.visitor import Visitor, visitor
from tests.journeys.releases import add_policies, edit
from tests.node import packages
from tests.server.operations.shadowing import flips
from tests.world import FILE as SETTINGS
from tests.world import MARIA, Sandbox, gateway, make_workspace

SECOND = '\n[[people]]\nname = "lead-two"\ntenant = "acme"\nroles = ["SecurityLead"]\n'
STRANGER = '\n[[people]]\nname = "outsider"\ntenant = "globex"\nroles = ["SecurityLead"]\n'
NOT_MARIA = f"""@id("not-maria")
forbid (principal, action == Action::"get_user", resource)
when {{ context.params.user_id == "{MARIA["user_id"]}" }};
"""
FILE, TESTS = "policies/approvals.cedar", "policies/approvals.test.yaml"


def of_one_tenant(folder: Path, sandbox: Sandbox) -> Workspace:
    workspace = make_workspace(folder, sandbox, extra=SECOND)
    edit(workspace, SETTINGS, 'tenant = "globex"', 'tenant = "acme"')
    return Workspace.open(folder)


@pytest_asyncio.fixture(loop_scope="session")
async def people(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> AsyncIterator[People]:
    workspace = of_one_tenant(tmp_path / "w", sandbox)
    add_policies(workspace.root)
    async with gateway(workspace, sandbox) as world, browsing(world) as running:
        yield running


async def replace(person: Person, old: str, new: str) -> None:
    """Change the text in the form, and have it checked."""
    area = person.page.locator("textarea")
    text = await area.input_value()
    assert old in text
    await area.fill(text.replace(old, new))
    await person.press("check what it means")


async def open_file(person: Person, name: str) -> None:
    await person.page.get_by_text("another file", exact=True).click()
    await person.page.get_by_label("a file that is there").select_option(name)
    await person.press("open it, and keep this edit")


async def test_an_admin_mends_a_mistake_sees_the_meaning_and_another_one_approves(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, second = await people.person("lead"), await people.person("lead-two")
    await lead.go("/policies/prod-high-needs-lead")
    await lead.page.get_by_role("link", name="edit its file").click()
    await replace(lead, "approvals.SecurityLead", "approvals.SecurityLeed")
    said = await lead.page.locator("pre.finding").first.inner_text()
    assert f"{FILE}:" in said
    assert "approvals.SecurityLeed" in said
    assert "^" in said
    await pictured(lead.page, "full", "policy-edit-mistake")
    assert await lead.page.get_by_role("button", name="propose").count() == 0
    await replace(lead, "approvals.SecurityLeed", "approvals.SecurityLead")
    assert "Nothing differs from what is live." in await lead.text()
    # a test says what this would change
    await replace(lead, "<= 900", "<= 901")
    assert f"{TESTS}:" in await lead.page.locator("pre.finding").first.inner_text()
    await open_file(lead, TESTS)
    await lead.page.get_by_label("why").fill("a second <b>more</b>")
    await replace(lead, "oldest_seconds: 901", "oldest_seconds: 902")
    said = await lead.text()
    for words in ("The policies are valid", "changed policy prod-high-needs-lead", "let more through"):
        assert words in said, words
    assert "<= 901" in said
    assert await lead.page.locator("table .status", has_text="wider").count() > 0
    # what outcomes differ was seen: from here on nobody waits for them
    monkeypatch.setattr(policy_edit, "MAX_SECONDS", -1.0)
    await lead.page.get_by_text("another file", exact=True).click()
    await lead.page.get_by_label("or a new one").fill("policies/maria.cedar")
    await lead.press("open it, and keep this edit")
    await lead.page.locator("textarea").fill(NOT_MARIA)
    await lead.press("check what it means")
    for width in (390, 1280):
        await lead.page.set_viewport_size({"width": width, "height": 900})
        await no_faults(lead.page, f"policy edit {width}")
        assert await lead.page.evaluate("document.documentElement.scrollWidth") <= width
    await pictured(lead.page, "full", "policy-edit")
    await lead.press("propose it with a passkey")
    digest = lead.page.url.rpartition("/")[2]
    before = policies(people)
    await second.go(f"/releases/{digest}/impact")
    await pictured(second.page, "empty", "candidate-impact")
    # a shadow first: it tells what would be otherwise, and permits and denies nothing
    await lead.press("let it decide as a shadow")
    read = await people.world.call("get_user", {"user_id": MARIA["user_id"], "connection": "okta"})
    assert read["status"] == "confirmed", read
    await flips(people.world)
    await lead.page.reload()
    row = lead.page.locator("section[aria-labelledby=shadow] tbody tr").first
    assert "get_user" in await row.inner_text()
    assert "denied" in await row.inner_text()
    await second.page.set_viewport_size({"width": 390, "height": 900})
    await second.go(f"/releases/{digest}")
    assert "a second <b>more</b>" in await second.text()
    await no_faults(second.page, "a proposed release with its shadow 390")
    assert await second.page.evaluate("document.documentElement.scrollWidth") <= 390
    await second.page.get_by_role("link", name="what it would have made of recorded decisions").click()
    assert "get_user" in await second.page.locator("section[aria-labelledby=impact] tbody").inner_text()
    await no_faults(second.page, "the impact of a proposed release 390")
    await pictured(second.page, "full", "candidate-impact", "phone")
    await second.go(f"/releases/{digest}")
    await second.press("approve with a passkey")
    await lead.page.reload()
    await lead.press("make it the live release")
    assert "<= 901" in policies(people)["approvals.cedar"]
    # what is live is no shadow any more
    kept = await people.world.app.store.read_aside(shadows.current)
    assert kept is not None
    assert (kept.by, kept.ended_by) == ("lead", "lead")
    # and back again, which is proposed, signed and approved like any other edit
    await lead.page.get_by_role("link", name="propose its policies again").first.click()
    await lead.press("check what it means")
    said = await lead.text()
    assert "removed policy not-maria" in said
    assert "What it would have made of recorded decisions" in said
    assert await lead.page.locator("section[aria-labelledby=impact] .status", has_text="wider").count() == 1
    await lead.press("propose it with a passkey")
    await second.go(f"/releases/{lead.page.url.rpartition('/')[2]}")
    if await second.page.get_by_role("button", name="approve with a passkey").count():
        await second.press("approve with a passkey")
    await lead.page.reload()
    await lead.press("make it the live release")
    assert policies(people) == before
    assert people.complaints() == []


def policies(people: People) -> Mapping[str, str]:
    return people.world.app.runner.release.decider.bundle.texts


@pytest_asyncio.fixture(loop_scope="session")
async def coloured(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> AsyncIterator[People]:
    """The same with CodeMirror's files, as `ailyus doctor --fix` brings them."""
    workspace = of_one_tenant(tmp_path / "w", sandbox)
    take_editor(workspace.root, packages(PACKAGE) / "node_modules" / "codemirror")
    async with gateway(workspace, sandbox) as world, browsing(world) as running:
        yield running


async def test_what_is_signed_is_what_stands_on_the_page(coloured: People) -> None:
    people = coloured
    lead = await people.person("lead")
    await lead.go(f"/policy-edits?file={FILE}")
    # what is edited has colours, for who sees them and who does not
    for kind in ("keyword", "string", "comment", "type", "meta"):
        assert await lead.page.locator(f".CodeMirror .cm-{kind}").count() > 0, kind
    for width in (390, 1280):
        await lead.page.set_viewport_size({"width": width, "height": 900})
        await no_faults(lead.page, f"the editor of policies {width}")
        assert await lead.page.evaluate("document.documentElement.scrollWidth") <= width
    await lead.page.locator(".CodeMirror").click()
    await lead.page.keyboard.press("Control+End")
    await lead.page.keyboard.type("\n// a word\n")
    await lead.press("check what it means")
    assert people.complaints() == []
    await lead.page.evaluate(
        "document.querySelector(\"form[data-ceremony=propose] input[name^='edit:']\").value += '// another'"
    )
    await lead.page.get_by_role("button", name="propose it with a passkey").click()
    await lead.page.get_by_text("what is shown is not what would be signed").wait_for()
    # nor does the gateway take other texts than those that were signed
    await lead.page.evaluate("document.querySelector('form[data-ceremony=propose]').dataset.ceremony = ''")
    word = await lead.page.evaluate(
        """async () => {
            const { document: word, keys } = JSON.parse(
                document.querySelector("form[data-options]").dataset.options);
            return JSON.stringify(await signed("document", word, keys));
        }"""
    )
    status, text = await lead.post("/policy-edits/propose", {"signed": word, f"edit:{FILE}": "// nothing\n"})
    assert (status, "not_released" in text or "not what the files say" in text or "tests" in text) == (409, True)
    assert people.world.rows("SELECT count(*) FROM statements WHERE kind = 'candidate'") == [(0,)]


async def checked(lead: Visitor, edits: dict[str, str]) -> str:
    form = await lead.form("/policy-edits", "/policy-edits")
    return str((await lead.post("/policy-edits", {**form, **edits, "do": "check"})).text)


async def test_without_javascript_files_come_go_and_stay_in_the_form(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = of_one_tenant(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world, visitor(world, "lead") as lead:
        new = (
            '@id("nobody-at-night")\r\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\r\n'
        )
        said = await checked(lead, {"edit:policies/night.cedar": new})
        assert "added policy nobody-at-night" in said
        said = await checked(lead, {f"edit:{FILE}": "", f"edit:{TESTS}": ""})
        # without the guard other tests fail, and say so
        assert "[tests_failed]" in said
        assert "propose it with a passkey" not in said
        for name in ("policies/../ailyus.toml", "contracts/okta.yaml", "policies/NIGHT.cedar"):
            assert "is no file of policies" in await checked(lead, {f"edit:{name}": "x"}), name
        said = (
            await lead.post(
                "/policy-edits",
                await lead.form("/policy-edits", "/policy-edits")
                | {"edit:policies/night.cedar": new, "new": "policies/day.cedar", "do": "open"},
            )
        ).text
        assert "nobody-at-night" in said
        assert 'name="edit:policies/day.cedar"' in said


async def test_only_an_admin_edits(tmp_path: Path, sandbox: Sandbox) -> None:
    async with gateway(of_one_tenant(tmp_path / "w", sandbox), sandbox) as world:
        async with visitor(world, "lead") as lead:
            form = await lead.form("/policy-edits", "/policy-edits")
            assert "edit policies" in await lead.get("/policies")
            assert "propose its policies again" not in await lead.get("/releases")
            said = await lead.get(f"/policy-edits?release={world.app.runner.release.digest}")
            assert "are those that are live" in said
            await lead.get(f"/policy-edits?release={'0' * 64}", 404)
        async with visitor(world, "requester") as requester:
            await requester.get("/policy-edits", 403)
            assert "edit policies" not in await requester.get("/policies")
            assert (await requester.post("/policy-edits", {**form, "do": "check"})).status_code == 403


async def test_nobody_edits_where_there_are_several_tenants(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=STRANGER)
    async with gateway(workspace, sandbox) as world:
        for person in ("lead", "outsider"):
            async with visitor(world, person) as one:
                await one.get("/policy-edits", 403)
                assert "edit policies" not in await one.get("/policies")
