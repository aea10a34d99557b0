"""Deadlines of tests are as long as the machine that runs them is slow."""

import os

import pytest

from tests import slowness as module
from tests.slowness import IDLE_SECONDS, MOST, NAME, crowding, measure, scaled, scaled_duration, slowness


@pytest.fixture(autouse=True)
def nothing_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs beside these tests, whatever does."""
    monkeypatch.setattr(module, "crowding", lambda: 0.0)


def test_what_began_later_counts_by_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "1")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(module, "crowding", crowding)
    for load, factor in ((4.0, 1.0), (5.25, 1.5), (10.25, 4.0), (99.0, MOST)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert slowness() == factor


def test_deadlines_are_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "2.5")
    assert (slowness(), scaled(4), scaled_duration("12s"), scaled_duration("300ms")) == (2.5, 10.0, "30000ms", "750ms")


@pytest.mark.parametrize("said", ["1", "0.2"])
def test_an_idle_machine_waits_no_longer(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(NAME, said)
    assert (slowness(), scaled_duration("12s")) == (1.0, "12000ms")


def test_what_is_set_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "3")
    monkeypatch.setattr("subprocess.Popen", None)
    assert measure() == 3.0


@pytest.mark.parametrize(
    ("seconds", "factor"), [(IDLE_SECONDS, 1.0), (IDLE_SECONDS * 2, 2.6), (IDLE_SECONDS * 99, MOST)]
)
def test_a_slow_core_makes_the_factor(monkeypatch: pytest.MonkeyPatch, seconds: float, factor: float) -> None:
    monkeypatch.delenv(NAME)
    monkeypatch.setattr("tests.slowness._COUNT", f"print({seconds})")
    assert measure() == pytest.approx(factor, abs=0.01)


def test_a_test_may_hang_longer_where_the_machine_is_slow(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("timeout") >= scaled(float(pytestconfig.getini("timeout")))
