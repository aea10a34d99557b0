"""A finding of the doctor, in one word."""

import pytest

from server.admin.finding import Finding


@pytest.mark.parametrize(
    ("ok", "warns", "level"), [(True, False, "OK"), (True, True, "WARN"), (False, False, "FAIL"), (False, True, "FAIL")]
)
def test_what_is_not_well_fails_whether_it_warns_or_not(ok: bool, warns: bool, level: str) -> None:
    assert Finding("store", ok, "says", warns=warns).level == level
