"""A head file is read whichever engine wrote it; what is no head is damaged, and what is not there is none."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.log.head import Head, remembered

ROOT = "ab" * 32


@pytest.mark.parametrize(
    "text", [f"7 {ROOT}", f"7 {ROOT}\n".ljust(128), f'{{"system":"1","size":7,"root":"{ROOT}"}}'.ljust(256)]
)
def test_both_engines_forms_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "head").write_text(text)
    assert remembered(tmp_path / "head") == Head(7, ROOT)


@pytest.mark.parametrize("text", ["", "\n", " " * 128])
def test_a_file_that_is_empty_or_not_there_remembers_nothing(tmp_path: Path, text: str) -> None:
    assert remembered(tmp_path / "head") is None
    (tmp_path / "head").write_text(text)
    assert remembered(tmp_path / "head") is None


@pytest.mark.parametrize(
    "text",
    ["7", "seven aa", "7 aa bb", f"-1 {ROOT}", "{", "{}", '{"size":true,"root":"a"}', '{"size":"7","root":"a"}',
     '{"size":7.0,"root":"a"}', '{"size":7,"root":null}', '{"size":-1,"root":"a"}'],
)  # fmt: skip
def test_anything_else_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.db.head").write_text(text)
    with pytest.raises(AilyusError, match=r"the head file `s.db.head` is damaged") as caught:
        remembered(tmp_path / "s.db.head")
    assert caught.value.code == "store_corrupt"


@settings(max_examples=60)
@given(st.binary(max_size=40))
def test_no_bytes_do_more_than_that(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.head"
    path.write_bytes(data)
    found = None
    with contextlib.suppress(AilyusError):  # no other error
        found = remembered(path)
    assert found is None or found.size >= 0
