"""The files of the gateway's own keys: written whole and durably, for their owner alone (mode 0600)."""

import contextlib
import os
import secrets
from pathlib import Path

from contracts.errors import AilyusError


def replace_key(path: Path, data: bytes) -> None:
    """Put what a key file is to hold in its place: whenever the power fails, the former is there or the new."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(partial, data)
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        hint = "let the gateway write there, or keep the key where `env:`, `exec:` or `vault:` gives it"
        raise AilyusError("bad_settings", f"`{path.name}` cannot be written: {error.strerror}", hint=hint) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def keep_key(path: Path, data: bytes) -> None:
    """Write a key beside; one that is there already is the same."""
    if not path.exists():
        replace_key(path, data)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
