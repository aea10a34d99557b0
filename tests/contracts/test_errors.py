"""The error base and its table: each code has a hint, and what is said begins with where."""

import pytest

from contracts.errors import CODES, AilyusError, NotDurable


def test_every_code_has_a_hint() -> None:
    assert all(hint and hint[0].islower() and not hint.endswith(".") for hint in CODES.values())
    assert all(code == code.lower() and code.replace("_", "").isalpha() for code in CODES)


def test_an_error_has_the_hint_of_its_code_or_its_own() -> None:
    assert AilyusError("bad_plan", "x").hint == CODES["bad_plan"]
    assert AilyusError("bad_plan", "x", hint="do y").hint == "do y"
    # an empty hint is one that was given
    assert AilyusError("bad_plan", "x", hint="").hint == ""


def test_an_unknown_code_is_no_error_that_can_be_told() -> None:
    with pytest.raises(KeyError):
        AilyusError("no_such_code", "x")


def test_what_is_said_begins_with_where() -> None:
    assert str(AilyusError("bad_plan", "it is wrong", hint="mend it")) == "it is wrong\n  hint: mend it"
    said = str(AilyusError("bad_plan", "it is wrong", hint="mend it", field="a.yaml:3"))
    assert said == "a.yaml:3: it is wrong\n  hint: mend it"


def test_what_is_not_durable_is_a_store_that_cannot_be_written() -> None:
    error = NotDurable("the disk is full")
    assert (error.code, error.sentence) == ("store_unavailable", "the disk is full")
    assert isinstance(error, AilyusError)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CODES["bad_plan"] = "x"  # type: ignore[index]  # read-only
