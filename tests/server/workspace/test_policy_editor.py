"""CodeMirror's files count only with the digests that were looked at."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.policy_editor import FILES, PACKAGE, editor_files, editor_folder, install_editor, take_editor
from tests.node import packages


def test_a_file_that_is_another_one_is_not_served(tmp_path: Path) -> None:
    assert editor_files(tmp_path) == {}
    take_editor(tmp_path, packages(PACKAGE) / "node_modules" / "codemirror")
    assert editor_files(tmp_path).keys() == FILES.keys()
    install_editor(tmp_path, print)  # which finds them, and fetches nothing
    with (editor_folder(tmp_path) / "simple.js").open("a") as file:
        file.write("// more\n")
    assert editor_files(tmp_path) == {}


def test_what_cannot_be_fetched_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AilyusError, match="no `npm`"):
        install_editor(tmp_path, print)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\n")
    npm.chmod(0o755)
    with pytest.raises(AilyusError, match="not give the package"):
        install_editor(tmp_path, print)
    assert not editor_folder(tmp_path).exists()
