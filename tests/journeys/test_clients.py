"""Real clients at once: three stdio bridges, the inspector, and an owner that is killed in mid-effect."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from server.admin.client import find_owner
from tests.slowness import scaled
from tests.until import until
from tests.world import COMMAND, LEO, MARIA, ROOT, Sandbox, Served, Workspace, cli, gateway, make_workspace

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning"
)  # the SDK's stdio client leaves pipes to the collector


def bridge(workspace: Workspace) -> StdioServerParameters:
    return StdioServerParameters(
        command=COMMAND[0],
        args=[*COMMAND[1:], "stdio", "-w", str(workspace.root)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return dict((await client.call_tool(tool, arguments)).structured_content or {})


async def test_three_bridges_one_log_and_an_approval_from_the_command_line(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    served = Served(workspace)
    await asyncio.to_thread(served.start)
    try:
        await until(lambda: workspace.token_file("support-bot").exists())
        async with (
            Client(bridge(workspace)) as one,
            Client(bridge(workspace), mode="legacy") as two,
            Client(bridge(workspace)) as three,
        ):
            for client in (one, two, three):
                assert "reset_user_mfa" in {t.name for t in (await client.list_tools()).tools}
            found = await asyncio.gather(
                *(_call(c, "find_user", {"email": "maria@example.com"}) for c in (one, two, three))
            )
            assert {f["status"] for f in found} == {"confirmed"}
            asked = await asyncio.gather(*(_call(c, "reset_user_mfa", MARIA) for c in (one, two, three)))
            assert len({a["action_id"] for a in asked}) == 1
            shown = await asyncio.to_thread(
                cli, "approval", "approve", asked[0]["action_id"], "--yes", "-w", str(workspace.root)
            )
            assert "Remove 2 MFA factors of maria@example.com" in shown
            waited = {"action_id": asked[0]["action_id"], "wait_seconds": 20}
            ends = await asyncio.gather(*(_call(c, "get_action", waited) for c in (one, two, three)))
            assert {e["status"] for e in ends} == {"confirmed"}
        assert sandbox.effects() == 1
        assert "ok" in await asyncio.to_thread(cli, "audit", "-w", str(workspace.root))
    finally:
        served.stop()


async def test_an_owner_killed_in_mid_effect_and_a_call_through_a_bridge(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    served = Served(workspace)
    await asyncio.to_thread(served.start)
    await until(lambda: workspace.token_file("support-bot").exists())
    arguments = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
    sandbox.fault("hang_after_effect", "unlock", ms=3000)
    try:
        async with Client(bridge(workspace)) as client:
            call = asyncio.create_task(_call(client, "unlock_user", arguments))
            await until(lambda: sandbox.writes("unlock") == 1)
            served.kill()
            answer = await call
            if answer["status"] == "running":
                answer = await _call(client, "get_action", {"action_id": answer["action_id"], "wait_seconds": 20})
        assert answer["status"] == "confirmed", answer
        assert sandbox.writes("unlock") == 1
    finally:
        owner = find_owner(workspace)
        if owner:
            os.kill(owner.pid, 15)
            await until(lambda: find_owner(workspace) is None)


async def test_a_client_on_a_bridge_hears_that_the_tools_changed(tmp_path: Path, sandbox: Sandbox) -> None:
    heard = asyncio.Event()

    async def told(message: Any) -> None:
        if "list_changed" in str(getattr(message, "method", "")):
            heard.set()

    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as world:
        root = world.workspace.root
        async with Client(bridge(world.workspace), mode="legacy", message_handler=told) as client:
            await client.list_tools()
            await asyncio.sleep(0.5)  # the stream on which it hears opens after the handshake
            path = next((root / "contracts").rglob("find_user.yaml"))
            path.write_text(path.read_text().replace("version: 1", "version: 2"))
            await world.app.replace(await asyncio.to_thread(world.workspace.release))
            await asyncio.wait_for(heard.wait(), scaled(10))


async def test_a_call_that_its_client_cancels_goes_on_to_its_end(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.fault("slow", "unlock", ms=800)
    arguments = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as world:
        for mode in ("legacy", "auto"):
            async with world.client(mode) as client:
                call = asyncio.create_task(client.call_tool("unlock_user", arguments))
                await until(lambda: sandbox.writes("unlock") == 1)
                call.cancel()
                answer = await _call(client, "unlock_user", arguments)
            assert answer["status"] == "confirmed", answer
            assert sandbox.writes("unlock") == 1
