"""A file that people write: read whole, as UTF-8, up to a bound."""

import os
from fnmatch import fnmatchcase
from pathlib import Path

from contracts.errors import AilyusError

# a hundred times the longest contract of the library
MAX_SOURCE = 256 * 1024
"""Bytes that a file may have where nothing else is said."""


class MalformedSource(Exception):
    """This is nothing that we read: what is wrong, and on which line (from 1)."""

    def __init__(self, problem: str, line: int = 1) -> None:
        super().__init__(problem)
        self.line = line


def read_bytes(path: Path, most: int) -> bytes:
    """What a file holds, up to that many bytes, whatever it says of its size. Raises `MalformedSource`."""
    try:
        with path.open("rb") as file:
            # never by the size that the file system says: a pipe or `/proc` says 0
            content = file.read(most + 1)
    except OSError as error:  # a folder, a link that leads nowhere, a file of somebody else
        raise MalformedSource(f"the file cannot be read: {(error.strerror or 'it is no file').lower()}") from None
    if len(content) > most:  # guard: bound of a file
        raise MalformedSource(f"the file is larger than {most // 1024} KiB")
    return content


def read_source(path: Path, most: int = MAX_SOURCE) -> str:
    """The text of a file. Raises `MalformedSource`."""
    content = read_bytes(path, most)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedSource("the file is no UTF-8", content.count(b"\n", 0, error.start) + 1) from None


def files_of(folder: Path, pattern: str) -> list[Path]:
    """The files of this name below a folder, in order. Names that begin with a dot are an editor's, and left out.

    A folder that vanishes meanwhile holds nothing. Raises `AilyusError` for one that may not be read: what lies in it
    would count for nothing without a word.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_unread):
        folders[:] = [name for name in folders if not name.startswith(".")]
        # guard: files of an editor
        found += [Path(place, name) for name in (*folders, *names) if fnmatchcase(name, pattern) and name[0] != "."]
    return sorted(found, key=lambda path: path.parts)


def _unread(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # guard: a folder that cannot be read
        why = (error.strerror or "no reason given").lower()
        hint = "let the user that runs the gateway read it"
        raise AilyusError("bad_settings", f"the folder `{error.filename}` cannot be read: {why}", hint=hint)
