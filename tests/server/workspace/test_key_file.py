"""Files of the gateway's keys: whole, for their owner alone, and never replaced where they are only kept."""

import stat
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.key_file import keep_key, replace_key


def test_a_key_is_replaced_whole_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    path.write_bytes(b"former")
    path.chmod(0o644)
    replace_key(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "nothing lies beside it"


def test_a_key_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    keep_key(path, b"first")
    keep_key(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_folder_that_takes_no_file_is_told_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match=r"`log\.pem` cannot be written") as caught:
        replace_key(tmp_path / "missing" / "log.pem", b"new")
    assert str(tmp_path) not in str(caught.value)
