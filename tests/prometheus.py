"""Prometheus and its promtool: those of this machine, else out of Debian's package, which is unpacked and not installed."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server.workspace.free_port import free_port
from tests.slowness import scaled
from tests.web import blocking_web

INSTALL = "apt-get update && apt-get install -y --no-install-recommends prometheus"
_FOLDER = Path(tempfile.gettempdir()) / f"ailyus-tests-prometheus-{os.geteuid()}"
SCRAPES = 0.25
"""Seconds between two scrapes."""
_CONFIG = """
global: {{scrape_interval: {milliseconds}ms, scrape_timeout: {milliseconds}ms}}
scrape_configs:
  - job_name: ailyus
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; fails with the command that installs them."""
    if found := shutil.which(name):
        return found
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    unpacked = _FOLDER / "usr" / "bin" / name
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers ask together
        if _FOLDER.stat().st_uid == os.geteuid() and not unpacked.exists():
            _unpack()
    if not unpacked.exists():
        pytest.fail(f"there is no `{name}`, and none could be fetched: run `{INSTALL}`", pytrace=False)
    return str(unpacked)


def _unpack() -> None:
    ways = (
        (["apt-get", "download", "-q", "prometheus"],),
        (["apt-get", "update", "-q"], ["apt-get", "download", "-q", "prometheus"]),
    )
    for commands in ways:
        if all(_done(command) for command in commands):
            for package in _FOLDER.glob("prometheus_*.deb"):
                _done(["dpkg-deb", "-x", str(package), str(_FOLDER)])
            return


def _done(command: list[str]) -> bool:
    try:
        return subprocess.run(command, cwd=_FOLDER, capture_output=True, timeout=300, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def promtool(*words: str, given: str = "") -> str:
    """What promtool says; fails where it finds a fault."""
    done = subprocess.run([program("promtool"), *words], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Prometheus:
    """One server that scrapes a port of this machine; ended by its process id."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "prometheus.yml"
        config.write_text(_CONFIG.format(port=port, milliseconds=round(SCRAPES * 1000)))
        own = free_port()
        command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{own}"], stdout=log, stderr=log
            )
        self._client = blocking_web(base_url=f"http://127.0.0.1:{own}", timeout=30.0)
        self._log = folder / "log"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        answer = self._client.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        return list(answer["data"]["result"])

    def wait_for(self, expression: str, seconds: float = 30.0) -> list[dict[str, Any]]:
        """The same, as soon as there are any."""
        end = time.monotonic() + scaled(seconds)
        while time.monotonic() < end:
            assert self._process.poll() is None, self._log.read_text()
            if self._is_ready() and (found := self.query(expression)):
                return found
            time.sleep(0.05)
        raise AssertionError(f"no series in time: {expression}")

    def _is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except OSError:
            return False

    def close(self) -> None:
        self._client.close()
        self._process.kill()
        self._process.wait()


@contextmanager
def prometheus(folder: Path, port: int) -> Iterator[Prometheus]:
    """A server that scrapes this port of 127.0.0.1."""
    server = Prometheus(folder, port)
    try:
        yield server
    finally:
        server.close()
