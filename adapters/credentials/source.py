"""Sources of secrets: what is read at one, or why nothing is. A source may wait: it is asked on a thread."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contracts.schema.output import MAX_SECRET

Stamp = tuple[int, int, int, int]
"""What tells one state of a file from another: its times, size and number."""
MAX_BYTES = 64 * 1024
"""Of what is read at a source; a private key as PEM is shorter."""


@dataclass(frozen=True, slots=True)
class SourceFault:
    """Why a source gives nothing. `is_final`: it says that there is no secret, and not that it cannot tell."""

    sentence: str = ""
    hint: str = ""
    is_final: bool = False


class Source(Protocol):
    """Where the secrets of one kind of reference are."""

    def read(self, name: str) -> bytes | SourceFault:
        """The secret of a name, as it is now. It may wait."""
        ...


class EnvironmentSource:
    """The gateway's own environment variables."""

    def read(self, name: str) -> bytes | SourceFault:
        """The variable's value."""
        value = os.environb.get(os.fsencode(name))
        return value if value else SourceFault(is_final=True)


class FileSource:
    """Files, relative to the workspace."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes | SourceFault:
        """The file's content, without white space around it."""
        try:
            with self.path(name).open("rb") as file:
                return file.read(MAX_BYTES + 1).strip()
        except FileNotFoundError:
            return SourceFault(is_final=True)
        except OSError:
            return SourceFault()

    def path(self, name: str) -> Path:
        """Where the file is."""
        return self._root / name


def stamp_of(path: str) -> Stamp | None:
    """The state of a file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def usable(raw: bytes) -> str | None:
    """A secret that a header can carry, or None."""
    text = raw.decode("ascii", "ignore")
    is_one = 0 < len(raw) <= MAX_SECRET and raw.isascii() and text.isprintable()
    return text if is_one else None
