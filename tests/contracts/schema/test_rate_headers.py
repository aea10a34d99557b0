"""The headers of a target's limit: names of headers only, and a window within a day."""

import pytest
from pydantic import ValidationError

from contracts.schema.rate_headers import RateHeaders


def test_a_limit_without_a_reset_counts_for_its_window() -> None:
    limit = RateHeaders.model_validate({"remaining": "X-RateLimit-Remaining", "window": "5m"})
    assert (limit.window, limit.reset, limit.reset_is, limit.per) == (300_000, None, "seconds", "connection")


@pytest.mark.parametrize(
    "fault",
    [
        {"remaining": "a header"},
        {"remaining": "x\r\ny"},
        {"remaining": ""},
        {"reset": "a:b"},
        {"reset_is": "minutes"},
        {"window": "500ms"},
        {"window": "2d"},
        {"per": "tenant"},
        {"more": 1},
    ],
)
def test_what_is_no_limit_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RateHeaders.model_validate({"remaining": "x-left", **fault})
