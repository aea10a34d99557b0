"""A mirror that knows nothing of ours computes the root out of the tiles, and each leaf out of the entries."""

import base64
import hashlib
from pathlib import Path

from receipts.log.tile import Tile, tiles_of
from receipts.store.row import Read
from receipts.store.transaction import Txn
from receipts.tables.log_tiles import tile_data
from tests.receipts.making import store_at
from tests.receipts.statements import statement

LEAVES = 2 * 256 + 45


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, by its definition."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


def entries_of(bundle: bytes) -> list[bytes]:
    found = []
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        found.append(bundle[2 : 2 + size])
        bundle = bundle[2 + size :]
    return found


async def test_the_tiles_of_a_log_give_its_root_at_every_level_and_its_entries_give_its_leaves(tmp_path: Path) -> None:
    store = store_at(tmp_path / "store.db")

    def fill(txn: Txn) -> None:
        for n in range(LEAVES):
            statement(txn, f"s{n}")

    await store.write(fill)
    _, size, root, *_ = (await store.newest()).split("\n")

    def look(read: Read) -> dict[str, bytes]:
        return {tile.path: data for tile in tiles_of(LEAVES) if (data := tile_data(read, tile)) is not None}

    files = await store.read_aside(look)
    assert set(files) == {tile.path for tile in tiles_of(LEAVES)}
    leaves = [
        tile[at : at + 32]
        for path, tile in files.items()
        if path.startswith("tile/0/")
        for at in range(0, len(tile), 32)
    ]
    assert (int(size), base64.b64encode(root_of(leaves)).decode()) == (LEAVES, root)
    bundles = [entry for path, data in files.items() if path.startswith("tile/entries/") for entry in entries_of(data)]
    assert [hashlib.sha256(b"\x00" + entry).digest() for entry in bundles] == leaves
    # a hash of the next level is the root of a whole tile below it
    assert files["tile/1/000.p/2"] == root_of(leaves[:256]) + root_of(leaves[256:512])

    def beyond(read: Read) -> list[bytes | None]:
        asked = (Tile(0, 2, 46), Tile(0, 2), Tile(1, 0, 3), Tile(None, 3), Tile(9, 0), Tile(0, 10**17), Tile(0, 2, 7))
        return [tile_data(read, tile) for tile in asked]

    *none, partial = await store.read_aside(beyond)
    assert none == [None] * 6
    assert partial == b"".join(leaves[512:519])
    await store.write(lambda txn: txn.write("DELETE FROM statements WHERE leaf_index = 300"))
    assert await store.read_aside(lambda read: tile_data(read, Tile(None, 1))) is None
    await store.aclose()
