"""Times as people read them: UTC, to the second, whatever the clock of the machine shows."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.results.timestamp import iso


def test_the_epoch_and_a_day_of_ours() -> None:
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(1_767_000_000_999) == "2025-12-29T09:20:00Z"


@settings(max_examples=50)
@given(st.integers(0, 4_102_444_800_000))
def test_it_reads_back_to_the_second(at_ms: int) -> None:
    assert datetime.strptime(iso(at_ms), "%Y-%m-%dT%H:%M:%S%z") == datetime.fromtimestamp(at_ms // 1000, UTC)


def test_it_does_not_depend_on_where_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert iso(86_400_000) == "1970-01-02T00:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()
