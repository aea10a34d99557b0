"""The head file of a store: what it remembers is durable, and no log that contradicts it starts."""

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.log.head import Head, remembered
from receipts.log.merkle import Frontier, Node, leaf_hash
from receipts.store.sqlite_head import HeadFile


def grown(size: int, seed: bytes = b"") -> tuple[Frontier, Node]:
    """A log of so many leaves, and its nodes."""
    frontier, nodes = Frontier(0, []), {}
    for number in range(size):
        for level, index, hashed in frontier.append(leaf_hash(seed + str(number).encode())):
            nodes[level, index] = hashed
    return frontier, lambda level, index: nodes[level, index]


def check(path: Path, frontier: Frontier, node: Node) -> None:
    """What a start does."""
    file = HeadFile(path)
    try:
        file.refuse_rewound(frontier, node)
    finally:
        file.close()


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40))
def test_a_log_that_grew_starts_and_one_that_shrank_does_not(
    tmp_path_factory: pytest.TempPathFactory, seen: int, now: int
) -> None:
    path = tmp_path_factory.mktemp("head") / "s.db.head"
    check(path, *grown(seen))
    if now >= seen:
        check(path, *grown(now))
        return
    with pytest.raises(AilyusError, match=f"the log ends at {now}, its last known head is {seen}") as caught:
        check(path, *grown(now))
    assert caught.value.code == "store_rewound"


def test_a_copy_that_has_grown_again_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "s.db.head"
    check(path, *grown(7))
    for size in (7, 8, 30):
        with pytest.raises(AilyusError, match="its last known head is 7"):
            check(path, *grown(size, b"another past "))


@pytest.mark.parametrize("text", ["x", "-1 aa", "7", "7 aa bb", "7aa"])
def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.db.head"
    path.write_text(text)
    with pytest.raises(AilyusError, match=r"the head file `s.db.head` is damaged") as caught:
        check(path, *grown(7))
    assert caught.value.code == "store_corrupt"
    assert path.read_text() == text


def test_a_shorter_line_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "s.db.head"
    file = HeadFile(path)
    for size in (1_000, 9):
        frontier, _ = grown(size)
        file.write(frontier)
        assert remembered(path) == Head(size, frontier.root().hex())
        assert len(path.read_bytes()) == 128
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
