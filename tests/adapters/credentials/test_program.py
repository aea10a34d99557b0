"""Secrets that a program prints: what it gets, how it may end, and that nothing it says is told."""

import os
import sys
from pathlib import Path

import pytest

from adapters.credentials.program import ProgramSource, SecretProgram
from adapters.credentials.source import MAX_BYTES, SourceFault
from tests.until import until


def running(root: Path, code: str, seconds: float = 60.0, **more: tuple[str, ...]) -> bytes | SourceFault:
    program = SecretProgram((sys.executable, "-c", code), seconds, **more)
    return ProgramSource(root, {"a": program}).read("a")


@pytest.mark.parametrize(
    ("code", "gives"),
    [
        ("print('s3cret')", b"s3cret"),
        ("print('s3cret', end='')", b"s3cret"),
        ("print(' s3cret ')", b" s3cret "),
        (r"print('one\ntwo\n')", b"one\ntwo\n"),
        ("import os; print(os.getcwd())", None),
        ("import sys; print('heard:' + sys.stdin.read())", b"heard:"),
    ],
)
def test_what_it_prints_is_the_value_without_its_last_newline(tmp_path: Path, code: str, gives: bytes | None) -> None:
    assert running(tmp_path, code) == (str(tmp_path).encode() if gives is None else gives)


@pytest.mark.parametrize(
    ("code", "seconds", "says"),
    [
        ("import sys; print('s3cret'); sys.exit('s3cret')", 60.0, "ended with exit code 1"),
        ("import os; print('s3cret', flush=True); os.kill(os.getpid(), 9)", 60.0, "ended with exit code -9"),
        ("pass", 60.0, "prints nothing"),
        ("print()", 60.0, "prints nothing"),
        ("print('s3cret', flush=True); import time; time.sleep(600)", 0.5, "did not end in 0.5 s"),
        ("import os, time; print('s3cret', flush=True); os.close(1); time.sleep(600)", 0.5, "did not end in 0.5 s"),
        (f"print('s3cret' * {MAX_BYTES})", 60.0, "prints too much"),
    ],
)
def test_what_it_says_otherwise_is_not_told(tmp_path: Path, code: str, seconds: float, says: str) -> None:
    found = running(tmp_path, code, seconds)
    assert isinstance(found, SourceFault)
    assert found.sentence == f"the program `{Path(sys.executable).name}` {says}"
    assert "s3cret" not in repr(found)
    assert not found.is_final  # it may be able to tell later: the last good value serves meanwhile


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o700)
    source = ProgramSource(
        tmp_path, {"gone": SecretProgram(("no-such-program",)), "text": SecretProgram((str(tmp_path / "text"),))}
    )
    sentences = [getattr(source.read(name), "sentence", "") for name in ("gone", "text", "other")]
    assert sentences == [
        "the program `no-such-program` is not there",
        "the program `text` cannot be run",
        "there is no [credentials.exec.other]",
    ]


def test_it_gets_no_variable_that_nobody_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TOKEN", "s3cret")
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example")
    monkeypatch.setenv("LANG", "C.UTF-8")
    code = "import os; print(' '.join(sorted(os.environ)))"
    given = running(tmp_path, code, environment=("VAULT_ADDR", "NOT_SET"))
    assert isinstance(given, bytes)
    assert set(given.decode().split()) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "VAULT_ADDR"} & set(os.environ)


async def test_it_ends_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL)\n"
        "open('child', 'w').write(str(child.pid))\n"
        "print('s3cret')\n"
    )
    assert running(tmp_path, code) == b"s3cret"
    child = int((tmp_path / "child").read_text())
    await until(lambda: not _is_alive(child))


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
