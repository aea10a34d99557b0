"""The folder of a new workspace: made once, its secrets for its owner alone, its name out of the folder's."""

import stat
from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError
from receipts.log.signing import load_key
from server.workspace.new_folder import PEOPLE, begin, name_of, write_development_keys, write_secret


def test_a_folder_is_made_and_one_that_is_a_workspace_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "w"
    begin(folder)
    assert (folder / ".gitignore").read_text() == ".ailyus/\n"
    assert stat.S_IMODE((folder / ".ailyus").stat().st_mode) == 0o700
    begin(folder)  # broken off before its settings were written: it goes on
    (folder / "ailyus.toml").write_text("")
    with pytest.raises(AilyusError, match="is a workspace already"):
        begin(folder)


def test_each_person_to_play_has_a_key_that_fits_its_public_part(tmp_path: Path) -> None:
    write_development_keys(tmp_path)
    for person in PEOPLE:
        path = tmp_path / ".ailyus" / "keys" / f"{person}.pem"
        public = orjson.loads(path.with_suffix(".pub").read_bytes())
        assert public["public"] == load_key(path, None).public_key().public_bytes_raw().hex()
        assert (public["person"], public["kind"]) == (person, "development")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    write_secret(tmp_path / "secrets" / "okta", "value")
    assert (tmp_path / "secrets" / "okta").read_text() == "value\n"
    assert stat.S_IMODE((tmp_path / "secrets" / "okta").stat().st_mode) == 0o600


@pytest.mark.parametrize(("folder", "name"), [("w", "w"), ("my work.1", "my-work-1"), ("x" * 50, "x" * 40), ("é", "-")])
def test_a_name_holds_only_what_an_origin_may(tmp_path: Path, folder: str, name: str) -> None:
    assert name_of(tmp_path / folder) == name
