"""Connecting clients: their own files, one entry in and out, and nothing else touched."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from tests.world import COMMAND, ROOT, Sandbox, make_workspace

FILES = {
    "claude-code": (".claude.json", "mcpServers"),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", "mcpServers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": (".config/Code/User/mcp.json", "servers"),
}


def run(home: Path, *arguments: str, ok: bool = True) -> str:
    clean = {n: v for n, v in os.environ.items() if n not in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR")}
    environment = {**clean, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert (ran.returncode == 0) is ok, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path, sandbox: Sandbox) -> str:
    return str(make_workspace(tmp_path / "w", sandbox).root)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the places of Linux")


@pytest.mark.parametrize("client", FILES)
def test_an_entry_goes_in_and_out_and_the_rest_stays(home: Path, root: str, client: str) -> None:
    name, key = FILES[client]
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    before: dict[str, Any] = {"theme": "dark", key: {"other": {"command": "x", "args": ["ü"]}}, "n": [1, 2.5, None]}
    path.write_text(json.dumps(before))
    path.chmod(0o640)
    assert "wrote `ailyus`" in run(home, "connect", client, "-w", root)
    after = json.loads(path.read_text())
    entry = after[key].pop("ailyus")
    assert after == before
    assert entry["args"][-4:] == ["--agent", "support-bot", "--workspace", root]
    assert Path(entry["command"]).is_absolute()
    assert "token" not in json.dumps(entry)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "already" in run(home, "connect", client, "-w", root)
    assert "took `ailyus` out" in run(home, "connect", client, "--remove", "-w", root)
    assert json.loads(path.read_text()) == before
    assert "was not in" in run(home, "connect", client, "--remove", "-w", root)


@pytest.mark.parametrize("client", FILES)
def test_a_client_that_is_not_there_gets_it_printed(home: Path, root: str, client: str) -> None:
    said = run(home, "connect", client, "-w", root)
    assert "was not found here" in said
    assert FILES[client][1] in said
    assert list(home.iterdir()) == []
    run(home, "connect", client, "--remove", "-w", root, ok=False)


def test_a_file_with_comments_is_left_alone(home: Path, root: str) -> None:
    path = home / ".config" / "Code" / "User" / "mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text('{\n  // mine\n  "servers": {}\n}\n')
    said = run(home, "connect", "vscode", "-w", root, ok=False)
    assert "nothing was changed" in said
    assert "// mine" in path.read_text()


def test_a_link_stays_a_link(home: Path, root: str) -> None:
    real = home / "dotfiles.json"
    real.write_text("{}")
    (home / ".cursor").mkdir()
    link = home / ".cursor" / "mcp.json"
    link.symlink_to(real)
    run(home, "connect", "cursor", "-w", root)
    assert link.is_symlink()
    assert "ailyus" in real.read_text()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the SDK's stdio client leaves pipes to the collector
async def test_what_was_written_works(home: Path, root: str) -> None:
    (home / ".cursor").mkdir()
    await asyncio.to_thread(run, home, "connect", "cursor", "-w", root)
    entry = json.loads((home / ".cursor" / "mcp.json").read_text())["mcpServers"]["ailyus"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    started = StdioServerParameters(command=entry["command"], args=entry["args"], env=environment)
    from server.admin.client import find_owner
    from server.workspace.workspace import Workspace
    from tests.until import until
    from tests.world import Served

    served = Served(Workspace.open(Path(root)))
    await asyncio.to_thread(served.start)
    try:
        served.token()
        async with Client(started) as client:
            assert "reset_user_mfa" in {tool.name for tool in (await client.list_tools()).tools}
    finally:
        served.stop()
        await until(lambda: find_owner(Workspace.open(Path(root))) is None)
