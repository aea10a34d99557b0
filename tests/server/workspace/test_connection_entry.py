"""A new connection in the settings: appended as text, or the file is left as it was."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from server.workspace.connection_entry import add_connection, add_mcp_connection
from server.workspace.settings.connection import McpPart
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.server.workspace.places import SETTINGS, workspace_at


def read(workspace: Workspace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((workspace.root / FILE).read_text())["connections"][name]
    return found


def test_it_belongs_to_the_tenant_of_the_people_and_the_first_environment(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    add_connection(workspace, "desk", "env:R", "env:W", ['base_url = "https://desk.example.com"'])
    assert read(workspace, "desk") == {
        "kind": "desk",
        "tenant": "acme",
        "environment": "prod",
        "read": "env:R",
        "write": "env:W",
        "principal": "desk",
        "base_url": "https://desk.example.com",
    }
    assert Workspace.open(workspace.root).settings.connections["desk"].read == "env:R"


def test_what_people_wrote_stays_as_it_is(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w", settings="# ours\n" + SETTINGS + "\n\n")
    before = (workspace.root / FILE).read_text()
    add_connection(workspace, "desk", "none", "none", ['base_url = "https://desk.example.com"'])
    assert (workspace.root / FILE).read_text().startswith(before.rstrip("\n") + "\n")


def test_a_file_that_would_not_load_is_put_back(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    for name, more in (("records", []), ("desk", ["invented = 1"]), ("desk", ['base_url = "no url"'])):
        with pytest.raises(AilyusError):
            add_connection(workspace, name, "none", "none", more)
        assert (workspace.root / FILE).read_text() == SETTINGS


def test_texts_are_quoted_and_never_become_settings(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    evil = 'x"\ndevelopment = true\n#'
    part = McpPart(command=("server", evil), variables={"TOKEN": f"text:{evil}"}, directory="notes")
    add_mcp_connection(workspace, "git", part, "none")
    mcp = read(workspace, "git")["mcp"]
    assert mcp == {"command": ["server", evil], "variables": {"TOKEN": f"text:{evil}"}, "directory": "notes"}
    assert not Workspace.open(workspace.root).settings.development


def test_a_server_is_reached_by_its_url_or_by_its_command(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    add_mcp_connection(workspace, "far", McpPart(url="https://mcp.example.com/mcp"), "env:TOKEN")
    assert read(workspace, "far")["mcp"] == {"url": "https://mcp.example.com/mcp"}
    assert (read(workspace, "far")["read"], read(workspace, "far")["write"]) == ("env:TOKEN", "env:TOKEN")
