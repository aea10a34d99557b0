"""The status of an action is one of the public words, and nothing else in a row passes for one."""

from typing import get_args

import pytest
from pydantic import ValidationError

from receipts.action.status import STATUSES, Status, status_of


def test_every_public_word_is_its_own_status() -> None:
    assert set(STATUSES) == set(get_args(Status))
    assert [status_of(word) for word in STATUSES] == list(STATUSES)


@pytest.mark.parametrize("value", ["ok", "Confirmed", "confirmed ", "", None, 1, b"confirmed"])
def test_anything_else_is_none(value: object) -> None:
    with pytest.raises(ValidationError):
        status_of(value)
