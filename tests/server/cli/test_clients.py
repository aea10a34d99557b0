"""Connecting clients: their own files, one entry in and out, and nothing else touched."""

import asyncio
import json
import os
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from typer.testing import CliRunner

from contracts.errors import AilyusError
from server.cli.clients import McpClient, client_of
from server.cli.root_command import app
from tests.world import ROOT, Sandbox, cli, make_workspace

FILES = {
    "claude-code": (".claude.json", "mcpServers"),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", "mcpServers"),
    "codex": (".codex/config.toml", "mcp_servers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "gemini-cli": (".gemini/settings.json", "mcpServers"),
    "vscode": (".config/Code/User/mcp.json", "servers"),
    "windsurf": (".codeium/windsurf/mcp_config.json", "mcpServers"),
}
ADDRESS = "https://ailyus.example.com/mcp"
REMOTE: dict[str, dict[str, Any]] = {
    "claude-code": {"type": "http", "url": ADDRESS, "headers": {"Authorization": "Bearer ${AILYUS_TOKEN}"}},
    "cursor": {"url": ADDRESS, "headers": {"Authorization": "Bearer ${env:AILYUS_TOKEN}"}},
    "gemini-cli": {"httpUrl": ADDRESS, "headers": {"Authorization": "Bearer ${AILYUS_TOKEN}"}},
    "vscode": {"type": "http", "url": ADDRESS, "headers": {"Authorization": "Bearer ${input:ailyus-token}"}},
    "windsurf": {"serverUrl": ADDRESS, "headers": {"Authorization": "Bearer ${env:AILYUS_TOKEN}"}},
}


def run(home: Path, *arguments: str, ok: bool = True) -> str:
    clean = {n: v for n, v in os.environ.items() if n not in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME")}
    return cli(*arguments, ok=ok, environment={**clean, "HOME": str(home)})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path, sandbox: Sandbox) -> str:
    return str(make_workspace(tmp_path / "w", sandbox).root)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the places of Linux")


@pytest.mark.parametrize("client", ["cursor", "vscode"])
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


def test_a_client_that_is_not_there_gets_it_printed_and_is_no_success(home: Path, root: str) -> None:
    client = "windsurf"
    said = run(home, "connect", client, "-w", root, ok=False)
    assert "was not found here, and nothing was written" in said
    assert FILES[client][0] in said
    assert FILES[client][1] in said
    assert list(home.iterdir()) == []
    run(home, "connect", client, "--remove", "-w", root, ok=False)


@pytest.fixture
def of(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], McpClient]:
    """A client by its name, at this home."""
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return client_of


@pytest.mark.parametrize("client", FILES)
def test_each_client_reads_its_own_file(home: Path, of: Callable[[str], McpClient], client: str) -> None:
    path, key = FILES[client]
    assert (of(client).file, of(client).key) == (home / path, key)


@pytest.mark.parametrize("client", REMOTE)
def test_a_gateway_elsewhere_in_the_words_of_each_client(
    home: Path, of: Callable[[str], McpClient], client: str
) -> None:
    found = of(client)
    found.file.parent.mkdir(parents=True, exist_ok=True)
    before = {"theme": "dark"}
    found.file.write_text(json.dumps(before))
    entry = found.remote("ailyus", ADDRESS, "AILYUS_TOKEN")
    assert entry == REMOTE[client]
    assert found.put("ailyus", entry)
    after = json.loads(found.file.read_text())
    assert after == before | found.document("ailyus", entry)
    # what people sign in to has an address and no header
    assert found.put("ailyus", found.remote("ailyus", ADDRESS, None))
    after = json.loads(found.file.read_text())
    assert after == before | {found.key: {"ailyus": {n: v for n, v in REMOTE[client].items() if n != "headers"}}}
    assert found.put("ailyus", None)
    assert json.loads(found.file.read_text()) == before | {found.key: {}}


def test_vs_code_asks_for_the_token_and_keeps_what_else_it_asks_for(of: Callable[[str], McpClient]) -> None:
    found = of("vscode")
    found.file.parent.mkdir(parents=True)
    other = {"type": "promptString", "id": "mine"}
    found.file.write_text(json.dumps({"inputs": [other]}))
    found.put("ailyus", found.remote("ailyus", ADDRESS, "AILYUS_TOKEN"))
    mine, ours = json.loads(found.file.read_text())["inputs"]
    assert (mine, ours["id"], ours["password"]) == (other, "ailyus-token", True)
    found.put("ailyus", None)
    assert json.loads(found.file.read_text())["inputs"] == [other]


def test_a_client_of_another_machine_is_connected_without_a_workspace(home: Path) -> None:
    (home / ".cursor").mkdir()
    said = run(home, "connect", "cursor", "--url", ADDRESS, "--token-env", "BOT_TOKEN")
    assert "set BOT_TOKEN to it where cursor starts" in said
    entry = json.loads((home / ".cursor" / "mcp.json").read_text())["mcpServers"]["ailyus"]
    assert entry == {"url": ADDRESS, "headers": {"Authorization": "Bearer ${env:BOT_TOKEN}"}}


@pytest.mark.parametrize(
    ("client", "given", "says"),
    [
        ("claude-desktop", ["--url", ADDRESS], "claude-desktop takes no address from claude_desktop_config.json"),
        ("cursor", ["--url", "http://ailyus.example.com/mcp"], "is plain HTTP"),
        ("cursor", ["--url", "https://ailyus.example.com"], "does not end in `/mcp`"),
        ("cursor", ["--url", "ailyus.example.com/mcp"], "is no address of a gateway"),
        ("cursor", ["--url", "https://me:secret@ailyus.example.com/mcp"], "is no address of a gateway"),
        ("cursor", ["--url", "https://ailyus.example.com:x/mcp"], "is no address"),
        ("cursor", ["--url", ADDRESS, "--token-env", "ailyus_abc/1"], "is no name of a variable"),
        ("cursor", ["--oauth"], "are about a gateway elsewhere"),
    ],
)
def test_what_cannot_be_connected_is_refused(
    of: Callable[[str], McpClient], home: Path, client: str, given: list[str], says: str
) -> None:
    refused = CliRunner().invoke(app, ["connect", client, *given])
    assert refused.exit_code == 1
    assert says in refused.output
    assert list(home.iterdir()) == []


CODEX = """# mine
model = "gpt"  # the one I like

[mcp_servers.other]
command = "x"
args = ["ü"]
"""


def test_codex_reads_toml_whose_other_lines_stay(of: Callable[[str], McpClient]) -> None:
    found = of("codex")
    found.file.parent.mkdir()
    found.file.write_text(CODEX)
    remote = found.remote("ailyus", ADDRESS, "AILYUS_TOKEN")
    assert remote == {"url": ADDRESS, "bearer_token_env_var": "AILYUS_TOKEN"}
    for entry in (remote, found.remote("ailyus", ADDRESS, None), found.entry("/bin/ailyus", ["stdio", 'a"\\b\x7f'])):
        assert found.put("ailyus", entry)
        assert not found.put("ailyus", entry)
        assert found.file.read_text() == f"{CODEX}\n{found.text('ailyus', entry)}"
        assert tomllib.loads(found.file.read_text())["mcp_servers"]["ailyus"] == entry
    # what another table of the user's says, and the words above it, are not ours to take
    found.file.write_text(f"{found.file.read_text()}\n# below\n[tools]\nweb_search = true\n")
    assert found.put("two words", remote)
    assert found.put("ailyus", remote)
    assert found.put("ailyus", None)
    assert found.put("two words", None)
    assert found.file.read_text() == f"{CODEX}\n# below\n[tools]\nweb_search = true\n"


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { ailyus = { url = "x" } }\n',
        '[mcp_servers]\nailyus.url = "x"\n',
        '[mcp_servers.ailyus]\nurl = "x"\n\n[mcp_servers.ailyus.tools.a]\napproval_mode = "approve"\n',
        '[mcp_servers.ailyus]\nargs = [\n["x"],\n]\n',
        "mcp_servers = 1\n",
        "no toml\n",
    ],
)
def test_what_stands_otherwise_in_toml_is_left_alone(of: Callable[[str], McpClient], text: str) -> None:
    found = of("codex")
    found.file.parent.mkdir()
    found.file.write_text(text)
    with pytest.raises(AilyusError) as refused:
        found.put("ailyus", None if "args" in text or "tools" in text else found.remote("ailyus", ADDRESS, None))
    assert "nothing was changed" in str(refused.value.hint)
    assert found.file.read_text() == text


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
