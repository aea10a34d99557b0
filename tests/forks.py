"""Processes of ours, each a fork of one that has imported everything once: what tests start by the hundred."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from server.cli.main import main

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.preloaded"])


class Forked:
    """One run of the command line; used like a `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        out: IO[bytes],
        err: IO[bytes],
        environment: Mapping[str, str] = os.environ,
        entry: Callable[[], None] = main,
    ) -> None:
        files = [DupFd(file.fileno()) for file in (out, err)]
        given = (entry, tuple(arguments), str(folder), dict(environment), *files)
        self._process = FORKS.Process(target=_run, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        assert code is not None, "it did not end in time"
        return code

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def _run(
    entry: Callable[[], None], arguments: Sequence[str], folder: str, environment: dict[str, str], out: Any, err: Any
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, file in ((1, out), (2, err)):
        os.dup2(file.detach(), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115  # for its life
    sys.argv = ["ailyus", *arguments]
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # it may have children
    try:
        entry()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
