"""Seven questions of security teams: the console and the command line answer with the same ids."""

import asyncio
from typing import Any

import orjson

from tests.console.people import People, Person, in_doubt
from tests.world import LEO, MARIA, cli

CEO = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone today"}


async def history(people: People) -> dict[str, str]:
    """Changes, refusals, denials and an outcome in doubt, about several people."""
    world = people.world
    done = await world.reset()
    asked = await world.call("reset_user_mfa", CEO)
    await world.app.inbox.decide(await world.sign(asked["action_id"], verdict="refuse"))
    for number in range(3):
        wrong = {"user_id": MARIA["user_id"], "ticket": "4712", "reason": f"try number {number} of it"}
        denied = await world.call("reset_user_mfa", {**wrong, "ticket": "4713" if number else "4712"})
        assert denied["status"] == "denied", denied
    # denied before anything was looked at: the receipt knows the id only, never the e-mail
    await world.call("find_user", {"email": "maria@example.com"})
    return {"receipt": str(done["receipt_id"]), "action": str(done["action_id"])}


async def asked(lead: Person, path: str, *command: str) -> tuple[Any, Any]:
    """The same question, there and here."""
    folder = str(lead.world.workspace.root)
    there = await lead.json(path)
    here = orjson.loads(await asyncio.to_thread(cli, *command, "-w", folder, "--format", "json"))
    return there, here


async def test_the_same_ids(people: People) -> None:
    lead = await people.person("lead")
    known = await history(people)
    receipt = known["receipt"]

    there, here = await asked(
        lead, "/questions/changed.json?agent=support-bot&since=12h", "receipt", "changed", "support-bot"
    )
    assert [f["receipt_id"] for f in there["found"]] == [f["receipt"] for f in here] == [receipt]

    doubtful = await in_doubt(people.world)
    there, here = await asked(lead, "/questions/unconfirmed.json", "receipt", "unconfirmed")
    assert [f["receipt_id"] for f in there["found"]] == [f["receipt"] for f in here]
    assert [f["receipt"] for f in here] == [doubtful["receipt_id"]]

    there, here = await asked(lead, f"/questions/approved-by.json?receipt={receipt}", "receipt", "approved-by", receipt)
    assert there["approvals"] == here
    (decision,) = here
    assert (decision["person"], decision["role"], decision["status"]) == ("lead", "SecurityLead", "approved")
    assert any("maria@example.com" in line["value"] for line in decision["saw"])

    there, here = await asked(
        lead, "/questions/done-to.json?match=maria@example.com", "receipt", "done-to", "maria@example.com"
    )
    ids = [f["receipt_id"] for f in there["found"]]
    assert ids == [f["receipt"] for f in here]
    assert receipt in ids
    # everything: also what was denied before the record was looked at, and found by its id
    by_id = await asyncio.to_thread(
        cli, "receipt", "find", "--match", MARIA["user_id"], "-w", str(people.world.workspace.root), "--format", "json"
    )
    assert {f["receipt"] for f in orjson.loads(by_id)} <= set(ids)
    actions = people.world.rows("SELECT id, request FROM actions")
    about_leo = [id_ for id_, request in actions if orjson.loads(request)["params"].get("user_id") == LEO["user_id"]]
    assert about_leo
    theirs = people.world.rows("SELECT id, action_id FROM statements")
    assert not {receipt for receipt, action in theirs if action in about_leo} & set(ids)
    for body in people.world.rows("SELECT envelope FROM statements"):
        assert b"maria@example.com" not in bytes(body[0])

    there, here = await asked(lead, f"/questions/allowed-by.json?receipt={receipt}", "receipt", "allowed-by", receipt)
    assert there["decisions"] == here
    by_kind = {(d["kind"], d["status"]): d["policies"] for d in here}
    assert "prod-high-needs-lead" in by_kind["decision", "approval_required"]["agent"]
    assert by_kind[here[-1]["kind"], here[-1]["status"]]["person"], here

    there, here = await asked(lead, "/questions/denied.json", "receipt", "denied")
    assert there["groups"] == here
    (group,) = here
    assert (group["agent"], group["contract"], group["count"]) == (
        "support-bot",
        "reset_user_mfa",
        len(group["receipts"]),
    )

    there, here = await asked(lead, "/questions/missing.json?since=1h", "audit", "--since", "1h")
    assert (there["ok"], there["findings"]) == (here["ok"], here["findings"]) == (True, [])
    assert here["now"] - here["then"] == here["now"] > 10


async def test_a_column_that_an_admin_edited_is_found_by_both(people: People) -> None:
    lead = await people.person("lead")
    known = await history(people)
    await people.world.app.store.write(
        lambda txn: txn.write("UPDATE statements SET status = 'denied' WHERE id = ?", known["receipt"])
    )
    there = await lead.json("/questions/missing.json")
    assert not there["ok"]
    assert any(known["receipt"] in finding for finding in there["findings"])
    said = await asyncio.to_thread(cli, "audit", "-w", str(people.world.workspace.root), ok=False)
    assert known["receipt"] in said


async def test_nobody_reads_another_tenants_receipts(people: People) -> None:
    known = await history(people)
    waiting = await people.world.call("reset_user_mfa", LEO)
    outsider = await people.person("outsider")
    for path in (
        f"/receipts/{known['receipt']}.json",
        f"/receipts/{known['receipt']}/verify.json",
        f"/receipts/{known['receipt']}/proof",
        f"/actions/{known['action']}.json",
        f"/approvals/{waiting['action_id']}.json",
        f"/questions/approved-by.json?receipt={known['receipt']}",
        f"/questions/allowed-by.json?receipt={known['receipt']}",
        f"/evidence/{known['receipt']}/params",
    ):
        answer = await outsider.context.request.get(outsider.url + path, headers=await outsider.cookies())
        assert answer.status == 404, path
    own = {"/receipts.json": "found", "/actions.json": "actions", "/questions/denied.json": "groups"}
    for path, field in {**own, "/inbox.json": "cards", "/agents.json": "agents"}.items():
        rows = (await outsider.json(path))[field]
        assert [row for row in rows if row.get("tenant", "") != "globex"] == [], path
    assert (await outsider.json("/questions/done-to.json?match=maria@example.com"))["found"] == []
    names = [p["name"] for p in (await outsider.json("/people.json"))["people"]]
    assert names == ["outsider"]
    assert [c["name"] for c in (await outsider.json("/connections.json"))["connections"]] == ["okta-globex"]
    # nor is anything of theirs stopped, ended or taken on from here
    await outsider.go("/connections")
    await outsider.page.get_by_text("halt everything", exact=True).click()
    form = outsider.page.locator("details[open] form")
    await form.get_by_label("reason").fill("not mine to stop")
    async with outsider.page.expect_navigation():
        await form.get_by_role("button", name="halt").click()
    assert "not your tenant's alone" in await outsider.text()
    assert people.world.app.journal.controls.halts == ()
