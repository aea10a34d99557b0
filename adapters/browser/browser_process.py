"""The processes of a browser and their folders, found by the folder of the profile that each was started with."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "ailyus-browser-"
_STALE_SECONDS = 3600.0
_OF_THE_DRIVER = frozenset(
    (
        *("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME"),
        *("PLAYWRIGHT_BROWSERS_PATH", "PW_LANG_NAME", "PW_LANG_NAME_VERSION", "PW_CLI_DISPLAY_VERSION"),
    )
)
"""The variables that the driver gets. Others can hold secrets, or make it print what is typed (`DEBUG`)."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The driver starts with the variables that it needs, and with no other."""
    from playwright._impl import _driver, transport

    # there is no argument for it, and to change our own variables meanwhile would change them for everybody here
    whole = _driver.get_driver_env

    def needed() -> dict[str, str]:
        return {name: value for name, value in whole().items() if name in _OF_THE_DRIVER}

    vars(transport)["get_driver_env"] = needed  # guard: variables of the browser's driver
    try:
        yield
    finally:
        vars(transport)["get_driver_env"] = whole


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
