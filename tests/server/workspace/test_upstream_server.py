"""An upstream MCP server as a person names it: its command, the variables that it gets, and its name."""

import pytest

from contracts.errors import AilyusError
from server.workspace.settings.connection import McpPart
from server.workspace.upstream_server import UpstreamServer, kind_of


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "UV_INDEX_URL", "npm_config_registry", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "a value of mine")


@pytest.mark.usefixtures("environment")
def test_a_server_gets_no_variable_that_nobody_named() -> None:
    assert UpstreamServer("/opt/server --port 1").part.variables == {}
    given = UpstreamServer("/opt/server", variables=("TOKEN=abc=d", "GITHUB_TOKEN")).part.variables
    assert given == {"TOKEN": "text:abc=d", "GITHUB_TOKEN": "env:GITHUB_TOKEN"}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("launcher", ["uvx", "/usr/bin/npx"])
def test_a_launcher_gets_what_it_finds_packages_by_and_no_secret(launcher: str) -> None:
    variables = UpstreamServer(f"{launcher} a-server").part.variables
    assert {"PATH", "UV_INDEX_URL", "npm_config_registry"} <= set(variables)
    assert not {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"} & set(variables)
    assert all(reference == f"env:{name}" for name, reference in variables.items())


def test_a_command_is_split_as_a_shell_would_and_run_without_one() -> None:
    part = UpstreamServer("server 'two words' $HOME ; rm", directory="notes").part
    assert part.command == ("server", "two words", "$HOME", ";", "rm")
    assert (part.directory, part.url) == ("notes", "")


@pytest.mark.parametrize(("server", "word"), [("server 'open", "is no command"), ("", "there is no command")])
def test_what_is_no_command_is_refused(server: str, word: str) -> None:
    with pytest.raises(AilyusError, match=word) as fault:
        _ = UpstreamServer(server).part
    assert fault.value.code == "bad_settings"


def test_an_address_is_one() -> None:
    assert UpstreamServer("https://mcp.example.com/mcp").part == McpPart(url="https://mcp.example.com/mcp")


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (McpPart(command=("uvx", "mcp-server-git==2026.10.19")), "git"),
        (McpPart(command=("npx", "-y", "@modelcontextprotocol/server-memory@2026.8.31")), "memory"),
        (McpPart(command=("/opt/bin/notes-server",)), "notes_server"),
        (McpPart(url="https://mcp.example.com"), "mcp_example_com"),
    ],
)
def test_a_connection_is_named_after_the_package(part: McpPart, kind: str) -> None:
    assert kind_of(part) == kind
