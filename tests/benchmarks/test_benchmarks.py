"""The short form: the benchmark runs, and counts commits as the journal promises. It asserts no time."""

import re
import sys
from collections.abc import Callable

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import console, large_simulation, policies, releases, signed_log, simulation, upstream

Said = Callable[[Callable[[], None]], str]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """What the short form of one prints, run in this process, which has imported everything already."""

    def said(main: Callable[[], None]) -> str:
        monkeypatch.setattr(sys, "argv", ["benchmarks", "--short"])
        main()
        return capsys.readouterr().out

    return said


def test_the_short_form(short: Said) -> None:
    said = short(benchmarks.main)
    for words in ("governed read", "governed write", "x hand-written", "durable signed receipts"):
        assert words in said
    assert "durable commits per governed read, counted at 1 caller: 1\n" in said
    assert "durable commits per governed write, counted at 1 caller: 2\n" in said


def test_the_short_form_of_the_console(short: Said) -> None:
    said = short(console.main)
    assert "inbox with 20 pending" in said
    assert "with 50 viewers" in said


def test_the_short_form_of_upstream(short: Said) -> None:
    said = short(upstream.main)
    assert re.findall(r"(http|pipes): direct .* added [0-9.]+x a direct call", said) == ["http"]


def test_the_short_form_of_releases(short: Said) -> None:
    said = short(releases.main)
    assert re.findall(r"from the commit until (one|both) worked under it: p50", said) == ["one", "both"]
    assert "2 releases, each with a contract, a policy and a credential" in said


def test_the_short_form_of_the_simulation(short: Said) -> None:
    said = short(simulation.main)
    found = re.findall(r"an edit (.*): .* a second of CPU, (\d+) same, 0 wider, (\d+) narrower, 0 unfit", said)
    assert [name for name, *_ in found] == list(simulation.EDITS)
    # whether decisions are told apart or not, the same ones flip
    assert [counts for _, *counts in found] == [["60", "0"], *[["46", "14"]] * 3]


def test_the_short_form_of_a_large_simulation(short: Said) -> None:
    said = short(large_simulation.main)
    found = re.findall(r"([0-9,]+) decisions: \d+ MB, .* a second, (\d+) flips", said)
    assert [int(flips) > 0 for _, flips in found] == [True, True]
    # those of the gateway itself are there too
    assert int(found[1][0]) - int(found[0][0]) == 40


def test_the_short_form_of_a_signed_log(short: Said) -> None:
    said = short(signed_log.main)  # it audits what it wrote, and ends where anything is found
    assert "301 receipts, filled in" in said
    for words in ("a proof of inclusion", "a proof file", "what an agent changed", "a commit of two", "an audit"):
        assert words in said


def test_the_short_form_of_policies(short: Said) -> None:
    said = short(policies.main)
    assert re.findall(r"(\d+) policies: a decision p50", said) == ["10", "12", "20"]
    assert "a release of 20 policies builds in" in said
