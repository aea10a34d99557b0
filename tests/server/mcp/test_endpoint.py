"""The one address: how its host and its path may be written."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.hosts import host_fault, plain_host
from server.workspace.workspace import Workspace
from tests.web import web
from tests.world import FILE, Sandbox, World, gateway, make_workspace

BODY = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


async def asked(world: World, url: str, host: str | None = None, origin: str | None = None) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {world.token}", "accept": "application/json, text/event-stream"}
    headers |= {"host": host} if host else {}
    headers |= {"origin": origin} if origin else {}
    async with web() as http:
        answer = await http.post(url, headers=headers, json=BODY)
        return answer.status_code, answer.headers.get("location", "")


async def test_a_slash_behind_the_path_is_no_other_place(world: World) -> None:
    for path in ("", "/", "//"):
        assert await asked(world, world.url + path) == (200, "")


async def test_a_host_is_the_same_however_it_is_written(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    path = workspace.root / FILE
    path.write_text(
        path.read_text().replace("[server]\n", '[server]\nhosts = ["MCP.example.com:443", "b.example.com"]\n')
    )
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        for host in (
            "mcp.example.com",
            "Mcp.Example.COM",
            "mcp.example.com:443",
            "b.example.com:443",
            "B.example.com:80",
        ):
            assert await asked(world, world.url, host, "https://mcp.example.com") == (200, ""), host
        for host in ("evil.example.com", "mcp.example.com:8443", "mcp.example.com.evil.example"):
            assert (await asked(world, world.url, host))[0] == 421, host


async def test_a_host_that_is_none_of_ours_is_told_nothing_of_tokens(world: World) -> None:
    async with web() as http:
        assert (await http.post(world.url, json=BODY)).status_code == 401
        for host in ("evil.example", "localhost", "0.0.0.0:8420"):
            answer = await http.post(world.url, json=BODY, headers={"host": host})
            assert (answer.status_code, "www-authenticate" in answer.headers) == (421, False), host


@pytest.mark.parametrize(
    "host",
    ["https://mcp.example.com", "mcp.example.com/mcp", "*.example.com", "mcp.example.com:0", "mcp.example.com:99999",
     "mcp example.com", "mcp..example.com", "-a.example.com", "user@mcp.example.com", ""],
)  # fmt: skip
def test_a_name_that_no_request_can_have_is_refused(tmp_path: Path, sandbox: Sandbox, host: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    path = workspace.root / FILE
    path.write_text(path.read_text().replace("[server]\n", f'[server]\nhosts = ["{host}"]\n'))
    with pytest.raises(AilyusError, match="can never be asked for") as caught:
        Workspace.open(workspace.root)
    assert caught.value.field == FILE


def test_names_that_are_good() -> None:
    for host in ("a", "mcp.example.com", "10.0.0.5:8443", "[::1]", "[::1]:8420", "mcp.example.com:*", "A_b.example"):
        assert host_fault(host) is None, host
    assert [plain_host(h) for h in ("A:443", "[::1]:80", "a:8443")] == ["a", "[::1]", "a:8443"]
