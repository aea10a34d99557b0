"""The paths of tiles as the specification has them: its own examples, one spelling each, every tile of a size."""

import pytest

from receipts.log.tile import WIDTH, Tile, tiles_of


def test_a_path_is_that_of_the_specification_and_is_read_again() -> None:
    for tile, path in (
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(63, 999, 1), "tile/63/999.p/1"),
        (Tile(None, 1000, 255), "tile/entries/x001/000.p/255"),
    ):
        assert tile.path == path
        assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/../000",
        "tile/0/000/",
        "tile/0/٠٠١",
        "tile/entry/000",
        "checkpoint",
    ],
)
def test_another_spelling_is_no_path(path: str) -> None:
    assert Tile.parse(path) is None


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    found = list(tiles_of(70_000))
    for level, whole, partial in ((None, 273, 112), (0, 273, 112), (1, 1, 17), (2, 0, 1)):
        own = [tile for tile in found if tile.level == level]
        assert [tile.width for tile in own] == [*[WIDTH] * whole, partial]
    assert [(t.level, t.width) for t in tiles_of(256)] == [(None, 256), (0, 256), (1, 1)]
    assert list(tiles_of(0)) == []
