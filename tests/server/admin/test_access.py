"""Who read evidence is in the log: by download, by the command line, with a gateway that runs and without."""

import asyncio
from pathlib import Path
from typing import Any

import orjson

from tests.console.authenticator import Authenticator, signed_in
from tests.web import web
from tests.world import Sandbox, World, cli, gateway, make_workspace


def accesses(world: World) -> list[tuple[str, str]]:
    rows = world.rows("SELECT id FROM statements WHERE kind = 'access' ORDER BY leaf_index")
    about: list[Any] = [world.proof(str(row[0])).receipt["about"] for row in rows]
    return [(one["of"], one["label"]) for one in about]


async def test_a_download_and_each_command_leave_an_access_statement(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        receipt = (await world.call("find_user", {"email": "leo@example.com"}))["receipt_id"]
        origin = world.app.console.origin
        async with web(timeout=60.0) as http:
            link = await world.app.console.introduce("lead")
            cookie = await signed_in(http, link, Authenticator(origin))
            answer = await http.get(f"{origin}/receipts/{receipt}/proof", headers={"cookie": cookie})
            assert orjson.loads(answer.content)["receipt"] == receipt
            assert accesses(world) == [(receipt, "proof")]
            foreign = await http.get(f"{origin}/receipts/rcp_none/proof", headers={"cookie": cookie})
            assert foreign.status_code == 404
        root = workspace.root
        proof = await asyncio.to_thread(cli, "receipt", "proof", receipt, "-w", str(root))
        assert orjson.loads(proof)["receipt"] == receipt
        await asyncio.to_thread(cli, "receipt", "evidence", receipt, "-o", str(tmp_path / "out"), "-w", str(root))
        assert accesses(world) == [(receipt, "proof"), (receipt, "proof"), (receipt, "evidence")]
        # what opens nothing reads nothing
        await asyncio.to_thread(cli, "receipt", "proof", receipt, "--no-disclose", "-w", str(root))
        await asyncio.to_thread(cli, "receipt", "evidence", receipt, "-w", str(root))
        assert len(accesses(world)) == 3
        await asyncio.to_thread(cli, "receipt", "show", receipt, cwd=root)  # sentences alone: no evidence
        assert len(accesses(world)) == 3
        await asyncio.to_thread(cli, "receipt", "show", receipt, "--changes", cwd=root)
        assert accesses(world)[3:] == [(receipt, "evidence")]
    await asyncio.to_thread(cli, "receipt", "proof", receipt, "-w", str(workspace.root))
    async with gateway(workspace, sandbox) as world:
        assert [what for _, what in accesses(world)] == ["proof", "proof", "evidence", "evidence", "proof"]
