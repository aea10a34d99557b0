"""The head file of a store on SQLite: the newest head of its log, remembered outside the database."""

import os
from collections.abc import Callable
from pathlib import Path

from contracts.errors import AilyusError
from receipts.log.merkle import Frontier, range_hash


class HeadFile:
    """One line `SIZE ROOT`, held open by the owner of the store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def refuse_rewound(self, frontier: Frontier, node: Callable[[int, int], bytes]) -> None:
        """Raise `store_rewound` where the log is shorter than what is remembered, or has another past."""
        # INVARIANT 10: a store older than its last witnessed head does not start.
        text = os.pread(self._descriptor, 256, 0).decode("ascii", "replace").split("\n")[0].split()
        if not text:
            return self.write(frontier)
        if len(text) != 2 or not text[0].isdigit():
            raise AilyusError("store_corrupt", f"the head file `{self._path.name}` is damaged")
        size, root = int(text[0]), text[1]
        # the size alone would let a restored copy pass that has grown again since
        if size > frontier.size or (size and range_hash(0, size, node).hex() != root):
            raise AilyusError("store_rewound", f"the log ends at {frontier.size}, its last known head is {size}")
        return None

    def write(self, frontier: Frontier) -> None:
        """Remember this head, durably. Raises `OSError`."""
        # always 128 bytes: a shorter line leaves nothing of a longer one behind it, and the file's size never changes
        line = f"{frontier.size} {frontier.root().hex()}\n".ljust(128)
        os.pwrite(self._descriptor, line.encode(), 0)
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Give the file up."""
        os.close(self._descriptor)
