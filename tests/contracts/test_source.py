"""Whatever lies where a file should be: its text, or a sentence about it."""

from pathlib import Path

import pytest

from contracts.source import MAX_SOURCE, Malformed, read_source


def test_a_text_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("é" * (MAX_SOURCE // 2))
    assert len(read_source(path)) == MAX_SOURCE // 2
    path.write_text("é" * (MAX_SOURCE // 2) + "e")
    with pytest.raises(Malformed, match="larger than 256 KiB"):
        read_source(path)
    assert read_source(path, most=MAX_SOURCE + 1).endswith("e")


def test_no_more_is_read_than_its_bound_whatever_a_file_says_of_its_size() -> None:
    with pytest.raises(Malformed, match="larger than 256 KiB"):
        read_source(Path("/dev/zero"))


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(Malformed, match="no UTF-8") as caught:
        read_source(tmp_path / "bytes")
    assert caught.value.line == 2
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "itself"):
        with pytest.raises(Malformed, match="cannot be read: "):
            read_source(path)
