"""A workspace: where its files are, and the release that they make."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.server.engine import LEAD, PERMIT
from tests.server.workspace.places import workspace_at


def test_what_is_private_stands_in_one_folder(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    paths = (workspace.store, workspace.owner_file, workspace.key_file("lead"), workspace.token_file("bot"))
    assert {path.is_relative_to(workspace.private) for path in paths} == {True}
    assert [path.name for path in paths] == ["store.db", "owner.json", "lead.pem", "bot.token"]
    workspace.private.mkdir()
    (workspace.private / "owner-2.json").touch()
    assert [path.name for path in workspace.owner_files()] == ["owner.json", "owner-2.json"]


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match=FILE):
        Workspace.open(tmp_path)


def test_its_release_is_governed_only_where_somebody_released_it(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    nobody, lead, dev = workspace.release(), workspace.release("lead"), workspace.release("lead", dev=True)
    assert [release.governed for release in (nobody, lead, dev)] == [False, True, False]
    assert nobody.digest == lead.digest
    assert lead.people.by_name["ann"].subject == "ann"
    with pytest.raises(AilyusError, match="`nobody` releases this set and is no declared person"):
        workspace.release("nobody")


def test_another_file_is_another_release_and_so_are_kept_files(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    first = workspace.release()
    kept = workspace_at(tmp_path / "kept")
    (workspace.root / "policies" / "test.cedar").write_text(PERMIT + LEAD)
    assert workspace.release().digest != first.digest
    assert workspace.release(files=kept.root).digest == first.digest


def test_policies_that_nobody_would_load_are_named(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    (workspace.root / "policies" / "deep").mkdir()
    (workspace.root / "policies" / "deep" / "more.cedar").write_text(LEAD)
    assert sorted(workspace.policies()) == ["deep/more.cedar", "test.cedar"]
    (workspace.root / "policies" / "WALL.CEDAR").write_text(LEAD)
    with pytest.raises(AilyusError, match="no policies are read from it") as fault:
        workspace.policies()
    assert fault.value.field == "WALL.CEDAR"
