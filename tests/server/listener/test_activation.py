"""Sockets that systemd hands over, with real descriptors in a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.listener.activation import activated
from tests.activation import handing_over
from tests.world import ROOT

CODE = """
import os, sys
from server.listener.activation import activated
for found in activated():
    print(found.getsockname(), found.fileno(), os.get_inheritable(found.fileno()))
print(sorted(name for name in os.environ if name.startswith("LISTEN_")))
"""


def started(sockets: Sequence[socket.socket], pid: str = "") -> subprocess.CompletedProcess[str]:
    command = handing_over(sockets, [sys.executable, "-c", CODE], pid)
    passed = [each.fileno() for each in sockets]
    env = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, pass_fds=passed, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        yield [tcp, unix]


def test_they_are_taken_once_and_no_child_takes_them(two: list[socket.socket], tmp_path: Path) -> None:
    done = started(two)
    assert done.returncode == 0, done.stderr
    port = two[0].getsockname()[1]
    assert done.stdout.splitlines() == [f"('127.0.0.1', {port}) 3 False", f"{tmp_path / 's'} 4 False", "[]"]


def test_another_processs_are_left_alone(two: list[socket.socket]) -> None:
    done = started(two, pid="1")
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_what_is_no_listening_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket() as connecting:
        assert "nobody listens at the socket 3" in started([connecting]).stderr
    with (tmp_path / "file").open("w") as file:
        assert "the descriptor 3 is no socket" in started([file]).stderr  # type: ignore[list-item]


@pytest.mark.parametrize("count", ["", "x", "-1", "17", "9999999999"])
def test_a_count_that_is_none(count: str) -> None:
    with pytest.raises(AilyusError, match="LISTEN_FDS says"):
        activated({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count})


def test_without_any_there_are_none() -> None:
    assert activated({}) == []
    assert activated({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"}) == []
