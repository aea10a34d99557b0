"""The report of a gateway's health: what is written is read again, also by an older reader."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.admin.health.report import CheckLine, HealthReport

LINES = st.lists(
    st.builds(
        CheckLine,
        check=st.from_regex(r"\A[a-z][a-z_]{0,31}\Z"),
        ok=st.booleans(),
        says=st.text(st.characters(codec="utf-8"), max_size=20),
    ),
    max_size=3,
).map(tuple)


@given(LINES)
def test_a_report_is_well_if_each_check_is_and_is_read_as_it_was_written(lines: tuple[CheckLine, ...]) -> None:
    report = HealthReport.of(lines)
    assert report.ok is all(line.ok for line in lines)
    assert HealthReport.model_validate_json(report.encoded()) == report
    # a line of its own for each check, so that `grep` finds it
    assert report.encoded().count(b"\n") == max(len(lines), 1) + 2


def test_a_newer_gateway_may_say_more_but_not_without_bounds() -> None:
    line = {"check": "store", "ok": True, "says": "well", "since_ms": 1}
    assert HealthReport.model_validate_json(orjson.dumps({"ok": True, "checks": [line], "more": 1})).ok
    for fault in ({**line, "check": "Store"}, {**line, "says": "x" * 301}):
        with pytest.raises(ValidationError):
            HealthReport.model_validate_json(orjson.dumps({"ok": True, "checks": [fault]}))
    with pytest.raises(ValidationError):
        HealthReport.model_validate_json(orjson.dumps({"ok": True, "checks": [line] * 65}))
