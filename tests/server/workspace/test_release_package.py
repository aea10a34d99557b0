"""The package of a release: whole, as it is sent, and of one workspace alone."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.release_package import ReleasePackage, candidate_of, released_by
from tests.server.workspace.places import SETTINGS, signed_of, workspace_at


def test_what_is_sent_makes_the_same_release_whatever_the_files_say_then(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    release, package = candidate_of(workspace)
    (workspace.root / "policies" / "test.cedar").write_text("nonsense")
    sent = ReleasePackage.model_validate_json(package.model_dump_json())
    built = sent.built(workspace)
    assert (built.digest, built.author, sent.files) == (release.digest, None, package.files)


def test_who_signed_is_the_author(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    release, signed = workspace.release(), signed_of(workspace)
    assert (released_by(release, signed).author, released_by(release, signed).governed) == ("lead", True)
    stranger = signed.model_copy(update={"document": signed.document.model_copy(update={"author": "eve"})})
    with pytest.raises(AilyusError, match="is no declared person"):
        released_by(release, stranger)


def test_another_folder_is_a_candidate_with_or_without_settings_of_its_own(tmp_path: Path) -> None:
    workspace, other = (
        workspace_at(tmp_path / "w"),
        workspace_at(tmp_path / "o", settings=SETTINGS.replace("ann", "bob")),
    )
    release, _ = candidate_of(workspace, other.root)
    assert "bob" in release.people.by_name
    (other.root / "ailyus.toml").unlink()
    release, _ = candidate_of(workspace, other.root)
    assert "ann" in release.people.by_name
    (other.root / "ailyus.toml").write_text(SETTINGS.replace("acme.test", "globex.test"))
    with pytest.raises(AilyusError, match=r"the candidate is for `globex\.test`"):
        candidate_of(workspace, other.root)
    with pytest.raises(AilyusError, match="there is no folder `contracts`"):
        candidate_of(workspace, tmp_path)
