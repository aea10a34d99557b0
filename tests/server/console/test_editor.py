"""The console serves CodeMirror's files where they are, and nothing else by that path."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from server.console.editor import PolicyEditor
from server.workspace.policy_editor import PACKAGE, take_editor
from tests.node import packages


def test_only_the_files_of_the_editor_are_served(tmp_path: Path) -> None:
    assert not PolicyEditor(tmp_path).is_there
    take_editor(tmp_path, packages(PACKAGE) / "node_modules" / "codemirror")
    editor = PolicyEditor(tmp_path)
    assert editor.is_there
    client = TestClient(Starlette(routes=[Route("/{name}", editor.file)]))
    for name, kind in (
        ("codemirror.css", "text/css"),
        ("codemirror.js", "text/javascript"),
        ("simple.js", "text/javascript"),
    ):
        answer = client.get(f"/{name}")
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert client.get("/package.json").status_code == 404
