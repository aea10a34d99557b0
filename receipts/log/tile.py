"""Tiles: the log as static resources of 256 hashes or entries each, for whoever mirrors it (C2SP tlog-tiles)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 256
"""Hashes of a whole tile."""
HEIGHT: Final = 8
"""Levels of the tree between a tile and the next one above."""
_PATH: Final = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/){0,5}\d{3})(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """The resource at a level (None: the entries themselves) and an index, of `width` hashes or entries."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its path below the log's prefix: `tile/0/x001/x234/067.p/12`."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        # an `x` before all but the last, so that no folder has the name of a file
        name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        level = "entries" if self.level is None else str(self.level)
        return f"tile/{level}/{name}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> "Tile | None":
        """The tile of a path; None where it is no path of one, or not its only spelling."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        level = None if found[1] == "entries" else int(found[1])
        tile = cls(level, int(found[2].replace("x", "").replace("/", "")), int(found[3] or WIDTH))
        # two paths of one resource would be two entries in a cache
        return tile if tile.path == path and (level or 0) < 64 else None


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of this size, the widest of each place: entries first, then level by level."""
    for level in (None, *range(-(-size.bit_length() // HEIGHT))):
        hashes = size >> HEIGHT * (level or 0)
        yield from (Tile(level, index) for index in range(hashes // WIDTH))
        # an empty tile is none
        if hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, hashes % WIDTH)
