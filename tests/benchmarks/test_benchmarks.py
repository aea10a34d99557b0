"""The short form: the benchmark runs, and counts commits as the journal promises. It asserts no time."""

import re
import subprocess
import sys

from tests.world import ROOT


def test_the_short_form() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for words in ("governed read", "governed write", "x hand-written", "durable signed receipts"):
        assert words in done.stdout
    assert "durable commits per governed read, counted at 1 caller: 1\n" in done.stdout
    assert "durable commits per governed write, counted at 1 caller: 2\n" in done.stdout


def test_the_short_form_of_the_console() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.console", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "inbox with 20 pending" in done.stdout
    assert "with 50 viewers" in done.stdout


def test_the_short_form_of_upstream() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.upstream", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(http|pipes): direct .* added [0-9.]+x a direct call", done.stdout) == ["http"]
