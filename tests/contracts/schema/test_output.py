"""Outputs: a secret goes to named inputs only, and to none by default."""

import pytest
from pydantic import ValidationError

from contracts.schema.output import Output, SecretTo


def test_a_secret_goes_nowhere_unless_it_is_said() -> None:
    made = Output.model_validate({"value": "${x}", "secret": {}})
    assert made.secret is not None
    assert made.secret.to == ()


@pytest.mark.parametrize("to", ["set_key", "set_key.", ".key", "Set.key", "a.b.c", "a b.c", "*", "*.*", "a.b\n"])
def test_where_a_secret_goes_is_one_input_of_one_contract(to: str) -> None:
    with pytest.raises(ValidationError):
        SecretTo.model_validate({"to": ["set_key.key", to]})
    assert SecretTo.model_validate({"to": ["set_key.key"]}).to == ("set_key.key",)


def test_an_output_as_it_was_written_keeps_its_digest() -> None:
    assert Output(value="${x}").model_dump() == {"value": "${x}"}
    assert Output(value="${x}", pattern="a").model_dump() == {"value": "${x}", "pattern": "a"}
