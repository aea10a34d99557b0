"""Contracts over tools of MCP servers: what is refused before anything runs."""

from pathlib import Path

import pytest

from contracts.action.mcp_request import render_mcp
from contracts.compiler.catalog import Catalog, Complaints, load_catalog
from contracts.compiler.expressions import Fault
from contracts.compiler.route_program import McpProgram
from contracts.errors import AilyusError
from server.workspace.connection_check import check_server
from server.workspace.settings.connection import McpPart
from tests.upstream.people import put_contracts


def load(folder: Path, name: str = "", old: str = "", new: str = "") -> Catalog:
    (folder / "contracts").mkdir()
    put_contracts(folder)
    if name:
        path = folder / "contracts" / "people" / f"{name}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    return load_catalog(folder / "contracts")


def test_the_call_is_rendered_before_the_intent(tmp_path: Path) -> None:
    route = load(tmp_path).programs["set_person_status"].routes[0]
    assert isinstance(route, McpProgram)
    call = render_mcp(route, "people", {"inputs.user_id": "u1", "inputs.status": "suspended"})
    assert not isinstance(call, Fault)
    assert call.body == b'{"status":"suspended","user_id":"u1"}'
    assert (call.method, call.url) == ("tools/call", "mcp:people/set_status")
    other = render_mcp(route, "people", {"inputs.user_id": "u2", "inputs.status": "suspended"})
    assert not isinstance(other, Fault)
    assert call.digest != other.digest


REFUSED = {
    "the server's own word at risk high": (
        "offboard_person",
        "same_channel: the server is the only way to the list; the list itself is compared every night\n",
        "",
        "read back through the server that acted",
    ),
    "a value inside of a text": (
        "set_person_status",
        'user_id: "${inputs.user_id}", status: "${inputs.status}"}, timeout',
        'user_id: "id = ${inputs.user_id}", status: "${inputs.status}"}, timeout',
        "puts a bare value into a text",
    ),
    "a tool that is not pinned": ("get_person", "definition: ", "undefined: ", "definition"),
    "screenshots": (
        "set_person_status",
        "evidence: {mcp: [before,",
        "evidence: {mcp: [screenshot, before,",
        "screenshots",
    ),
    "no evidence": (
        "set_person_status",
        "evidence: {mcp: [before, after, response]}",
        "evidence: {mcp: [before]}",
        "needs",
    ),
    "two ways": ("get_person", "{mcp: {tool", '{get: "/x", mcp: {tool', "exactly one of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path: Path, case: str) -> None:
    name, old, new, words = REFUSED[case]
    with pytest.raises(Complaints) as found:
        load(tmp_path, name, old, new)
    assert words in str(found.value)


@pytest.mark.parametrize(
    "command",
    ["uvx mcp-server-git", "npx -y @scope/server", "/usr/bin/uvx --with x mcp-server-git", "npx server", "uvx -q git"],
)
def test_a_package_has_a_version(command: str) -> None:
    with pytest.raises(AilyusError, match="is not pinned by version"):
        check_server(McpPart(command=tuple(command.split())))


def test_pinned_commands_and_urls() -> None:
    for command in ("uvx mcp-server-git==2026.10.19", "npx -y @scope/server@1.2.3", "/opt/server --any"):
        check_server(McpPart(command=tuple(command.split())))
    check_server(McpPart(url="https://mcp.example.com/mcp"))
    for part in (McpPart(), McpPart(url="https://a.example", command=("x",)), McpPart(url="http://a.example/mcp")):
        with pytest.raises(AilyusError):
            check_server(part)
