"""The head file beside a store: how long the log was and what its root was when somebody was last answered."""

from dataclasses import dataclass
from pathlib import Path

import orjson

from contracts.errors import AilyusError


@dataclass(frozen=True, slots=True)
class Head:
    """The size of a log and its root (64 hex digits)."""

    size: int
    root: str


def remembered(path: Path) -> Head | None:
    """What a head file remembers, whichever engine wrote it; None when there is none. Raises `store_corrupt`.

    A file's is `SIZE ROOT`, a database's is JSON with `size` and `root`.
    """
    try:
        # a head file has 128 or 256 bytes; whatever lies there, no more than this of it is read
        text = path.read_bytes()[:1024].decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    if not text:
        return None
    try:
        if text.startswith("{"):
            fields = orjson.loads(text)
            size, root = fields["size"], fields["root"]
        else:
            first, root = text.split("\n")[0].split()
            size = int(first)
    except (ValueError, KeyError, TypeError):
        size, root = None, None
    # `type`, since True is an int too and stands in JSON as true
    if type(size) is not int or size < 0 or not isinstance(root, str):
        raise AilyusError("store_corrupt", f"the head file `{path.name}` is damaged")
    return Head(size, root)
