"""The log as static files: its checkpoint and its tiles in a folder that any server of files can give out."""

import os
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.tile import tiles_of
from receipts.store.log_tables import note_over
from receipts.tables.log_tiles import tile_data
from server.workspace.stores import reading
from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TileFiles:
    """The size of the checkpoint, how many files were written, and how many bundles of entries could not be."""

    size: int
    written: int
    missing: int


def write_log_tiles(workspace: Workspace, folder: Path) -> TileFiles:
    """Write what is not there yet, the checkpoint last. Raises `bad_settings` where the folder cannot be written."""
    written = missing = 0
    try:
        with reading(workspace) as read:
            note = note_over(read, 0)
            if not note:
                raise AilyusError("not_found", "the log is empty", hint="serve once: `ailyus serve`")
            size = Checkpoint.of_note(note).size
            for tile in tiles_of(size):
                path = folder / tile.path
                # a tile never changes: one that is there was written whole
                if path.exists():
                    continue
                data = tile_data(read, tile)
                if data is None:
                    missing += 1
                    continue
                _write(path, data)
                written += 1
        # after its tiles: whoever reads the checkpoint finds all that it covers
        _write(folder / "checkpoint", note.encode())
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise AilyusError("bad_settings", f"`{folder}` cannot be written: {why}", hint="name another folder") from None
    return TileFiles(size, written + 1, missing)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # whoever mirrors reads while this writes: a half file would be taken for the whole
    whole = path.with_name(f".{path.name}.{os.getpid()}")
    whole.write_bytes(data)
    os.replace(whole, path)
