"""The values of a row: SQLite keeps what it is given, so a type is asked for where a value is used."""

import pytest

from contracts.errors import AilyusError
from receipts.store.row import blob, integer


def test_a_value_of_its_type_is_itself() -> None:
    assert blob(b"x") == b"x"
    assert integer(7) == 7


@pytest.mark.parametrize("value", ["x", 7, None])
def test_no_bytes(value: object) -> None:
    with pytest.raises(AilyusError, match="holds bytes"):
        blob(value)


@pytest.mark.parametrize("value", ["7", b"7", None])
def test_no_number(value: object) -> None:
    with pytest.raises(AilyusError, match="holds a number"):
        integer(value)
