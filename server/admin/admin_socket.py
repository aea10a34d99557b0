"""The admin socket: a Unix socket in the workspace, by which the command line reaches the gateway."""

import contextlib
import glob
import os
import secrets
import socket
import tempfile
from pathlib import Path

from contracts.errors import AilyusError

DOOR = "door-"

MAX_PATH = 100
"""Bytes of a socket's path: the system allows no more than 107."""


def bind_admin_socket(private: Path) -> tuple[socket.socket, Path]:
    """The admin socket: a socket in the workspace, or where its path is too long in a folder of its own.

    Raises `AilyusError` where the system allows no socket there.
    """
    clear_admin_sockets(private)
    path = private / f"{DOOR}{os.getpid()}-{secrets.token_hex(4)}.sock"
    folder = private if len(os.fsencode(path)) <= MAX_PATH else Path(tempfile.gettempdir())
    door = socket.socket(socket.AF_UNIX)
    try:
        if folder != private:
            path = Path(tempfile.mkdtemp(prefix=f"ailyus-{DOOR}", dir=folder)) / path.name
        door.bind(str(path))
        os.chmod(path, 0o600)
        door.listen()  # at once: another gateway that starts takes a socket at which nobody listens for a killed one's
    except OSError as error:
        door.close()
        hint = "give the workspace a folder on a local disk, or set TMPDIR to a folder that can be written"
        why = (error.strerror or "no reason given").lower()
        raise AilyusError("bad_settings", f"there can be no socket in `{folder}`: {why}", hint=hint) from None
    return door, path


def clear_admin_sockets(private: Path) -> None:
    """Remove what gateways that were killed left: sockets of ours at which nobody listens, of processes that ended."""
    # `glob` and not `Path.glob`, which raises when another gateway removes its folder meanwhile
    elsewhere = glob.iglob(f"ailyus-{DOOR}*/*.sock", root_dir=tempfile.gettempdir())
    for path in (*private.glob(f"{DOOR}*.sock"), *(Path(tempfile.gettempdir()) / name for name in elsewhere)):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            if path.lstat().st_uid != os.geteuid() or _is_running(path):
                continue
            probe.settimeout(1.0)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                close_admin_socket(path, private)


def _is_running(path: Path) -> bool:
    """Is the process that a socket's name tells of there? One that is just starting or stopping does not listen."""
    number = path.name.removeprefix(DOOR).partition("-")[0]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def close_admin_socket(path: Path, private: Path) -> None:
    """Remove the socket, and the folder that was made for it alone."""
    path.unlink(missing_ok=True)
    if path.parent != private:
        with contextlib.suppress(FileNotFoundError):
            path.parent.rmdir()
