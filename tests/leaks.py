"""Where a secret could have leaked to: every file of the workspace, every answer; plain, base64, URL- and JSON-escaped."""

import gzip
import zlib
from typing import Any

import orjson

from adapters.credentials.placement import echoes
from tests.world import World


def unpacked(data: bytes) -> bytes:
    """What gzip packed into these bytes; nothing where they only begin like it, as one of 65,536 random ones does."""
    if data[:2] != b"\x1f\x8b":
        return b""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b""


def places(world: World, secret: str, said: list[Any]) -> list[str]:
    """Every place that holds the secret."""
    found = []
    for path in sorted(world.workspace.root.rglob("*")):
        if path.is_file() and echoes(secret, path.read_bytes()):
            found.append(str(path.relative_to(world.workspace.root)))
    for number, answer in enumerate(said):
        if echoes(secret, orjson.dumps(answer)):
            found.append(f"answer {number}")
    for (data,) in world.rows("SELECT data FROM evidence"):
        if echoes(secret, bytes(data)) or echoes(secret, unpacked(bytes(data))):
            found.append("evidence")
    for table in ("actions", "intents", "statements", "handles", "approvals", "escalations"):
        for row in world.rows(f"SELECT * FROM {table}"):
            for value in row:
                raw = value if isinstance(value, bytes) else str(value).encode()
                if echoes(secret, raw):
                    found.append(table)
    return found
