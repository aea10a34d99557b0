"""Group membership on a third party's SCIM server, its own process; also behind a wire that loses the reply."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.serving import free_port
from tests.web import blocking_web
from tests.world import ROOT, Sandbox, Workspace, World, gateway, make_workspace

CONNECTION = """
[connections.scim]
kind = "scim"
base_url = "http://127.0.0.1:{port}/v2"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/scim"
write = "file:.ailyus/secrets/scim"
max_timeout = "1s"
max_settle = "300ms"
"""


class Scim:
    def __init__(self) -> None:
        self.port = free_port()
        command = [
            str(Path(sys.executable).parent / "scim2-server"),
            "--port",
            str(self.port),
            "--bearer-token",
            "secret",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        headers = {"authorization": "Bearer secret", "content-type": "application/scim+json"}
        self.http = blocking_web(base_url=f"http://127.0.0.1:{self.port}/v2", headers=headers)
        try:
            self._fill()
        except BaseException:
            self.close()
            raise

    def _fill(self) -> None:
        for _ in range(200):
            try:
                self.http.get("/Users")
                break
            except httpx2.TransportError:
                assert self.process.poll() is None, "scim2-server ended"
                time.sleep(0.05)
        schema = "urn:ietf:params:scim:schemas:core:2.0:"
        self.maria = self.create("/Users", {"schemas": [schema + "User"], "userName": "maria@example.com"})
        self.leo = self.create("/Users", {"schemas": [schema + "User"], "userName": "leo@example.com"})
        self.engineering = self.create(
            "/Groups", {"schemas": [schema + "Group"], "displayName": "engineering", "members": [{"value": self.leo}]}
        )
        self.admins = self.create("/Groups", {"schemas": [schema + "Group"], "displayName": "admins"})

    def create(self, path: str, body: dict[str, Any]) -> str:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def group(self, name: str) -> str:
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
        return self.create("/Groups", {"schemas": schemas, "displayName": name, "members": [{"value": self.leo}]})

    def members(self, group: str) -> set[str]:
        return {m["value"] for m in self.http.get(f"/Groups/{group}").json().get("members", [])}

    def close(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def scim() -> Iterator[Scim]:
    server = Scim()
    yield server
    server.close()


def _workspace(folder: Path, sandbox: Sandbox, port: int) -> Workspace:
    workspace = make_workspace(folder, sandbox, extra=CONNECTION.format(port=port))
    shutil.copytree(ROOT / "contracts" / "library" / "scim", folder / "contracts" / "scim")
    for name in ("scim.cedar", "scim.test.yaml"):
        shutil.copy(ROOT / "policies" / "library" / name, folder / "policies" / name)
    (folder / ".ailyus" / "secrets" / "scim").write_text("secret\n")
    return workspace


@asynccontextmanager
async def losing_wire(port: int) -> AsyncIterator[tuple[int, list[str]]]:
    """A TCP relay that loses the answer to the next request whose method is in the list."""
    lose: list[str] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(x.split(b":")[1]) for x in request.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
            )
            request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            back.write(request + (await reader.readexactly(length) if length else b""))
            answer = await there.read()
            method = request.split(b" ")[0].decode()
            if method in lose:
                lose.remove(method)
            else:
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            back.close()
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], lose
    finally:
        server.close()


async def test_add_and_remove_a_member(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with gateway(_workspace(tmp_path / "w", sandbox, scim.port), sandbox) as world:
        user = (await world.call("find_scim_user", {"user_name": "maria@example.com"}))["data"]["users"][0]["user_id"]
        group = (await world.call("find_scim_group", {"display_name": "engineering"}))["data"]["groups"][0]["group_id"]
        arguments = {"user_id": user, "group_id": group, "reason": "joins the engineering team today"}
        added = await world.call("add_group_member", arguments)
        assert (added["status"], added["changed"]) == ("confirmed", True)
        assert scim.members(group) == {scim.leo, scim.maria}
        removed = await world.call("remove_group_member", {**arguments, "reason": "leaves the engineering team"})
        assert removed["status"] == "confirmed"
        assert scim.members(group) == {scim.leo}
        again = await world.call("remove_group_member", {**arguments, "user_id": scim.maria, "reason": "x" * 12})
        assert again["action_id"] == removed["action_id"]
        quoted = await world.call("find_scim_user", {"user_name": 'x" or userName pr or userName eq "'})
        assert quoted["data"]["users"] == []


async def test_a_privileged_group_needs_a_lead(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with gateway(_workspace(tmp_path / "w", sandbox, scim.port), sandbox) as world:
        arguments = {"user_id": scim.maria, "group_id": scim.admins, "reason": "on call this week"}
        asked = await world.call("add_group_member", arguments)
        assert asked["status"] == "approval_required"
        await world.approve(asked["action_id"])
        assert (await world.get(asked["action_id"]))["status"] == "confirmed"
        assert scim.members(scim.admins) == {scim.maria}


async def test_a_lost_reply_is_found_in_the_directory(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with losing_wire(scim.port) as (port, lose):
        async with gateway(_workspace(tmp_path / "w", sandbox, port), sandbox) as world:
            lose.append("PATCH")
            arguments = {"user_id": scim.maria, "group_id": scim.engineering, "reason": "joins the team today"}
            answer = await world.call("add_group_member", arguments)
            assert (answer["status"], answer["changed"]) == ("confirmed", True)
            assert scim.members(scim.engineering) == {scim.leo, scim.maria}
            await _attempts(world, 1)


async def _attempts(world: World, count: int) -> None:
    assert world.rows("SELECT count(*) FROM intents") == [(count,)]
