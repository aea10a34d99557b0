"""The write-ahead log of a SQLite store: how large it is, and which processes keep it from being written back."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIMIT: Final = 64 * 1024 * 1024
"""Bytes that it may have; beyond that the writer writes it back whenever nobody reads an older state."""
_READ_LOCKS: Final = range(123, 128)
"""The bytes of the `-shm` file that readers lock (https://www.sqlite.org/walformat.html, section 2.3.2)."""
_LOCK: Final = re.compile(r"^\d+: POSIX +ADVISORY +\w+ +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) +(\d+) +(\d+)$", re.M)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that reads an older state of the store."""

    pid: int
    name: str


def size_of(store: Path) -> int:
    """The bytes of its write-ahead log now."""
    try:
        return store.with_name(store.name + "-wal").stat().st_size
    except OSError:
        return 0


def holders(store: Path) -> list[Holder]:
    """The other processes that read the store now, as far as this system tells (Linux: /proc/locks)."""
    try:
        shared = store.with_name(store.name + "-shm").stat()
        locks = Path("/proc/locks").read_text()
    except OSError:
        return []
    found = set()
    for pid, major, minor, inode, start, end in _LOCK.findall(locks):
        device = os.makedev(int(major, 16), int(minor, 16))
        reads = any(int(start) <= byte <= int(end) for byte in _READ_LOCKS)
        if reads and (device, int(inode)) == (shared.st_dev, shared.st_ino) and int(pid) not in (0, os.getpid()):
            found.add(int(pid))
    return [Holder(pid, _name(pid)) for pid in sorted(found)]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"
