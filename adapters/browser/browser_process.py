"""The processes of a browser and their folders, found by the folder of the profile that each was started with."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

PREFIX = "ailyus-browser-"
_STALE_SECONDS = 3600.0
_LOUD = ("DEBUG", "DEBUG_FILE", "PWDEBUG")
"""Variables that make the driver print what is typed."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The driver starts without the variables that would make it print what is typed."""
    loud: Mapping[str, str] = {name: os.environ.pop(name) for name in _LOUD if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(loud)


def sweep() -> None:
    """Folders that a gateway left behind when it was killed; its browser died with it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS and not any(processes(folder)):
                shutil.rmtree(folder, ignore_errors=True)


def processes(folder: Path) -> Iterator[int]:
    """The processes that were started with this folder as their profile."""
    # a browser has many, and setpriv stands between it and us: no tree of parents tells which are ours
    mark = f"--user-data-dir={folder}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "cmdline").read_bytes():
                yield int(entry.name)
