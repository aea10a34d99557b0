"""Child processes: nothing of our environment, their pipes, and an end with all their own children."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from adapters import child_process
from adapters.child_process import process
from contracts.errors import AilyusError
from tests.slowness import scaled

PATH = {"PATH": os.defpath}


async def test_it_sees_only_what_is_listed_and_runs_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AILYUS_TEST_OF_OURS", "x")
    async with process(("env",), {**PATH, "OWN": "y"}, tmp_path) as (_, output, _pipe):
        lines = (await output.read()).decode().splitlines()
    assert set(lines) == {f"PATH={os.defpath}", "OWN=y"}
    async with process(("pwd",), PATH, tmp_path) as (_, output, _pipe):
        assert Path((await output.readline()).decode().strip()) == tmp_path.resolve()


async def test_its_pipes_carry_both_ways_and_it_ends_with_its_input(tmp_path: Path) -> None:
    async with process(("cat",), PATH, tmp_path) as (running, output, pipe):
        pipe.write(b"one\ntwo\n")
        assert [await output.readline(), await output.readline()] == [b"one\n", b"two\n"]
    assert running.returncode == 0


async def test_its_own_children_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_GRACE_SECONDS", 0.05)
    async with process(("sh", "-c", "sleep 300 & echo $!; exec cat"), PATH, tmp_path) as (running, output, _pipe):
        child = int(await output.readline())
        os.kill(child, 0)
    assert running.returncode is not None

    def ended() -> bool:
        try:
            stat = Path(f"/proc/{child}/stat").read_text()
        except OSError:
            return not _exists(child)
        # nobody may have fetched its end yet
        return stat.rpartition(")")[2].split()[0] == "Z"

    async with asyncio.timeout(scaled(10)):
        while not ended():
            await asyncio.sleep(0.01)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_one_that_hears_no_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_GRACE_SECONDS", 0.05)
    deaf = "trap '' TERM; echo ready; while :; do sleep 300; done"
    async with process(("sh", "-c", deaf), PATH, tmp_path) as (running, output, _pipe):
        assert await output.readline() == b"ready\n"
    assert running.returncode == -9


async def test_one_that_cannot_be_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="there is no program `no-such-program`") as caught:
        async with process(("no-such-program",), PATH, tmp_path):
            pass
    assert caught.value.code == "no_server"
    text = tmp_path / "text"
    text.write_bytes(b"\x00no program")
    text.chmod(0o755)
    with pytest.raises(AilyusError, match="cannot be run"):
        async with process((str(text),), {}, tmp_path):
            pass


async def test_a_program_is_looked_for_in_its_own_path_only(tmp_path: Path) -> None:
    own = tmp_path / "own-program"
    own.write_text("#!/bin/sh\necho own\n")
    own.chmod(0o755)
    async with process(("own-program",), {"PATH": str(tmp_path)}, tmp_path) as (_, output, _pipe):
        assert await output.readline() == b"own\n"
    with pytest.raises(AilyusError, match="there is no program"):
        async with process((Path(sys.executable).name,), {"PATH": str(tmp_path)}, tmp_path):
            pass


async def test_a_message_that_is_too_long_is_an_error_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "MAX_MESSAGE", 1024)
    async with process(("sh", "-c", "head -c 5000 /dev/zero; echo"), PATH, tmp_path) as (_, output, _pipe):
        with pytest.raises(ValueError, match="limit"):
            await asyncio.wait_for(output.readline(), scaled(30))
