"""At a terminal people are asked, and see that something is worked on; elsewhere nobody is, and nothing is drawn."""

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.store.progress import tell
from server.cli import output, progress
from server.cli.confirmation import confirm
from server.cli.output import coloured, silence
from server.cli.progress import working


@contextmanager
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal in place of the standard streams; the end at which somebody sits. A fixture's would be put back."""
    master, slave = pty.openpty()
    files = {name: open(os.dup(slave), mode) for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))}  # noqa: SIM115  # closed below
    try:
        with monkeypatch.context() as patch:
            for name, file in files.items():
                patch.setattr(sys, name, file)
            yield master
    finally:
        for file in files.values():
            file.close()
        os.close(slave)
        os.close(master)


def seen(master: int) -> str:
    sys.stdout.flush()
    sys.stderr.flush()
    os.set_blocking(master, False)
    found = b""
    with suppress(BlockingIOError):
        while True:
            found += os.read(master, 100_000)
    return found.decode()


def test_only_yes_is_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    with at_terminal(monkeypatch) as terminal:
        os.write(terminal, b"y\n")
        confirm("approve this as lead?", yes=False)
        assert "approve this as lead? [y/N]" in seen(terminal)
        for answer in (b"n\n", b"\n"):
            os.write(terminal, answer)
            with pytest.raises(AilyusError, match="nothing was done"):
                confirm("approve this as lead?", yes=False)


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("y\n")
    with (tmp_path / "in").open() as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        with pytest.raises(AilyusError, match="this is no terminal"):
            confirm("approve this?", yes=False)
        confirm("approve this?", yes=True)


def test_a_bar_is_drawn_on_a_terminal_for_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with at_terminal(monkeypatch) as terminal:
        monkeypatch.setenv("TERM", "xterm")
        with working("testing [red]quickly") as step:
            step(1, 10)
        assert seen(terminal) == ""  # it took no second
        monkeypatch.setattr(progress, "_PATIENCE", 0.0)
        with working("auditing [red]the log"):
            drawn = ""
            while "auditing" not in drawn:
                tell(5, 10)  # as what works below a command does
                drawn += seen(terminal)
        assert "auditing [red]the log" in drawn


def test_nothing_is_drawn_for_who_wants_quiet_or_has_no_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with at_terminal(monkeypatch) as terminal:
        monkeypatch.setattr(progress, "_PATIENCE", 0.0)
        silence(True)
        with working("auditing"):
            pass
        assert seen(terminal) == ""
        silence(False)
        with (tmp_path / "err").open("w") as piped:
            monkeypatch.setattr(sys, "stderr", piped)
            with working("auditing"):
                pass
        assert (tmp_path / "err").read_text() == ""


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with at_terminal(monkeypatch):
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        assert coloured("FAIL", "FAIL") == "\x1b[31mFAIL\x1b[0m"
        monkeypatch.setenv("NO_COLOR", "1")
        assert coloured("FAIL", "FAIL") == "FAIL"
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        assert coloured("FAIL", "FAIL") == "FAIL"


def test_a_line_for_people_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("warning: \x1b[2J")
    assert "\x1b" not in capsys.readouterr().err
