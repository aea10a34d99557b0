"""Who reads receipts, who reads evidence, and who decides: people at the console, programs at the HTTP API."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.principal import keyid_of
from policies.signed_resolution import Resolution, sign_resolution
from receipts.log.signing import load_key
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.console.visitor import visitor
from tests.world import LEO, Sandbox, World, gateway, make_workspace

PEOPLE = """
[[people]]
name = "nora"
tenant = "acme"
roles = ["Analyst"]

[[people]]
name = "outsider"
tenant = "globex"
roles = ["Auditor"]
"""


@pytest.fixture
async def audited(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A gateway whose lead is an auditor by now, and where nora is an analyst."""
    workspace = make_workspace(tmp_path / "w", sandbox, extra=PEOPLE)
    path = workspace.root / FILE
    text = path.read_text().replace(
        '"SecurityLead"]\nenvironments', '"SecurityLead", "Auditor", "Analyst"]\nenvironments'
    )
    before = 'name = "lead"\ntenant = "acme"\nroles = ["SecurityLead"]'
    assert before in text
    path.write_text(text.replace(before, before.replace("]", ', "Auditor"]')))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        yield world


async def test_an_auditor_reads_everything_and_decides_nothing(audited: World) -> None:
    read = await audited.call("find_user", {"email": "leo@example.com"})
    action, receipt = read["action_id"], read["receipt_id"]
    waiting = (await audited.call("reset_user_mfa", LEO))["action_id"]
    async with visitor(audited, "lead") as lead:
        for path in ("/receipts", f"/receipts/{receipt}", f"/actions/{action}", f"/actions/{action}/changes"):
            await lead.get(path)
        assert (await lead.json(f"/actions/{action}.json"))["params"] == [["email", "leo@example.com"]]
        await lead.get(f"/receipts/{receipt}/proof")
        await lead.get(f"/approvals/{waiting}")
        # every form decides something, but for what is one's own
        form = await lead.form("/connections", "/halts", scope="all")
        assert (await lead.post("/halts", {**form, "reason": "x"})).status_code == 403
        assert (await lead.post(f"/approvals/{waiting}/decide", {})).status_code == 403
        assert (await lead.submit("/", "/sign-out")).status_code == 303
    assert audited.app.journal.controls.halts == ()
    with pytest.raises(AilyusError) as refused:
        await audited.approve(waiting)
    assert refused.value.code == "wrong_role"
    with pytest.raises(AilyusError, match="decide nothing"):
        await audited.app.resolutions.resolve(word(audited, action))


def word(world: World, action: str) -> object:
    """The lead's signed word about an action."""
    said = Resolution(
        purpose="ailyus-resolution-v1",
        origin=world.app.runner.release.origin,
        action_id=action,
        asserted="applied",
        comment="seen",
        person="lead",
        at_ms=int(time.time() * 1000),
    )
    key = load_key(world.workspace.key_file("lead"))
    return sign_resolution(said, key, keyid_of(key.public_key().public_bytes_raw()))


async def test_an_analyst_reads_no_evidence(audited: World) -> None:
    read = await audited.call("find_user", {"email": "leo@example.com"})
    action, receipt = read["action_id"], read["receipt_id"]
    waiting = (await audited.call("reset_user_mfa", LEO))["action_id"]
    async with visitor(audited, "nora") as nora:
        for path in ("/receipts", f"/receipts/{receipt}", f"/actions/{action}", "/inbox", "/questions/denied"):
            await nora.get(path)
        shown = await nora.json(f"/actions/{action}.json")
        assert (shown["params"], shown["told"], shown["reason"]) == ([], [], "")
        assert (await nora.json("/inbox.json"))["cards"] == []
        for path in (
            f"/receipts/{receipt}/proof",
            f"/receipts/{receipt}/verify",
            f"/actions/{action}/changes",
            f"/evidence/{receipt}/params",
            f"/questions/approved-by?receipt={receipt}",
            f"/approvals/{waiting}",
        ):
            assert "policies/receipts.cedar" in await nora.get(path, 403), path
        asked = await nora.json(f"/questions/policies.json?receipt={receipt}")
        assert (asked["answer"], asked["fault"]["sentence"]) == (None, "you may not read evidence")
