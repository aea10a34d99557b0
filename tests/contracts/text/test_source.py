"""Whatever lies where a file should be: its text, or a sentence about it."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from contracts.text.source import MAX_SOURCE, MalformedSource, files_of, read_source


def test_a_text_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("é" * (MAX_SOURCE // 2))
    assert len(read_source(path)) == MAX_SOURCE // 2
    path.write_text("é" * (MAX_SOURCE // 2) + "e")
    with pytest.raises(MalformedSource, match="larger than 256 KiB"):
        read_source(path)
    assert read_source(path, most=MAX_SOURCE + 1).endswith("e")


def test_no_more_is_read_than_its_bound_whatever_a_file_says_of_its_size() -> None:
    with pytest.raises(MalformedSource, match="larger than 256 KiB"):
        read_source(Path("/dev/zero"))


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(MalformedSource, match="no UTF-8") as caught:
        read_source(tmp_path / "bytes")
    assert caught.value.line == 2
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "itself"):
        with pytest.raises(MalformedSource, match="cannot be read: "):
            read_source(path)


def test_the_files_of_a_folder_are_those_that_people_see(tmp_path: Path) -> None:
    for name in ("b/x.yaml", "a.yaml", "b/.#x.yaml", ".hidden/x.yaml", "b/x.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "c.yaml").mkdir()  # refused where it is read
    (tmp_path / "around").symlink_to(tmp_path)
    assert files_of(tmp_path, "*.yaml") == [tmp_path / name for name in ("a.yaml", "b/x.yaml", "c.yaml")]
    assert files_of(tmp_path / "nowhere", "*") == []


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "policies").symlink_to(tmp_path / "policies")
    with pytest.raises(AilyusError, match=r"^the folder `.*/policies` cannot be read: "):
        files_of(tmp_path / "policies", "*.cedar")
