"""`ailyus audit coverage`: what it prints, its exit code, and whom it tells."""

import asyncio
from pathlib import Path

import orjson

from tests.server.operations.coverage_settings import OKTA
from tests.world import Sandbox, cli, gateway, make_workspace


async def test_the_command_lists_a_bypass_and_the_next_escalation_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=OKTA.format(port=sandbox.port))
    async with gateway(workspace, sandbox) as world:
        assert (await world.reset())["status"] == "confirmed"
        await asyncio.sleep(0.02)
        fine = cli("audit", "coverage", "--target", "okta", cwd=workspace.root)
        assert "ok: every change" in fine
        state = sandbox.state()
        logs = state["acme"]["okta"]["logs"]
        logs.append({**logs[0], "uuid": "past", "transaction": {"type": "WEB", "id": "r-9"}, "debugContext": {}})
        sandbox.put(state)
        said = orjson.loads(
            cli("audit", "coverage", "--target", "okta", "--format", "json", cwd=workspace.root, ok=False)
        )
    assert [one["event"] for one in said["unreceipted"]] == ["past"]
    assert (said["matched"], said["eventless"], said["escalatedTo"]) == (1, [], "duty")
    (told,) = sandbox.notices()
    assert (told["event"], told["findings"], told["unreceipted"]) == ("coverage", 1, ["past"])
