"""The tiles of the log, read out of its nodes and statements as they are committed."""

from typing import Final

from receipts.log.signing import Envelope
from receipts.log.tile import HEIGHT, WIDTH, Tile
from receipts.store.row import Read, blob

_HASHES: Final = "SELECT hash FROM nodes WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx"
_ENTRIES: Final = "SELECT envelope FROM statements WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"


def tile_data(read: Read, tile: Tile) -> bytes | None:
    """The bytes of a tile; None where the log is not as long yet, or entries of it left for an archive."""
    first = tile.index * WIDTH
    # no log is as long as that, and the number would not fit a column
    if first + WIDTH >= 1 << 62 or HEIGHT * (tile.level or 0) > 62:
        return None
    sql, level = (_ENTRIES, ()) if tile.level is None else (_HASHES, (HEIGHT * tile.level,))
    found = [blob(data) for (data,) in read(sql, *level, first, first + tile.width)]
    if len(found) < tile.width:
        return None
    if tile.level is not None:
        return b"".join(found)
    # an entry is the log's leaf, which holds digests and a signature, and nothing of what was signed
    leaves = [Envelope.decode(data).leaf() for data in found]
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
