"""People's own tokens are held in memory, no longer than they hold, and only where a connection exchanges them."""

import asyncio
import time

import pytest

from adapters.oauth import subject_tokens
from adapters.oauth.subject_tokens import SubjectTokens
from tests.until import until


def used() -> SubjectTokens:
    made = SubjectTokens()
    made.is_used = True
    return made


def value_of(tokens: SubjectTokens, person: str) -> str:
    held = tokens.of(person)
    return held.value if held is not None else ""


async def test_nothing_is_held_where_nothing_is_exchanged() -> None:
    tokens = SubjectTokens()
    tokens.keep("maria", "t-1", time.time() + 60)
    assert tokens.of("maria") is None


async def test_the_youngest_of_each_person_is_held_and_shown_nowhere() -> None:
    tokens = used()
    for person, token in (("maria", "t-1"), ("otto", "t-2"), ("maria", "t-3")):
        tokens.keep(person, token, time.time() + 60)
    assert (value_of(tokens, "maria"), value_of(tokens, "otto"), value_of(tokens, "leo")) == ("t-3", "t-2", "")
    at = tokens.of("maria")
    tokens.keep("maria", "t-3", time.time() + 60)
    assert tokens.of("maria") is at  # the same again is nothing new
    assert "t-3" not in repr(at)
    tokens.close()
    assert tokens.of("maria") is None


async def test_a_token_is_forgotten_at_its_end_and_one_that_came_later_is_not() -> None:
    tokens = used()
    tokens.keep("maria", "t-1", time.time() + 0.05)
    tokens.keep("otto", "t-2", time.time() + 0.05)
    tokens.keep("otto", "t-3", time.time() + 60)
    tokens.keep("leo", "t-4", time.time() - 1)
    await until(lambda: tokens.of("maria") is None and tokens.of("leo") is None)
    await asyncio.sleep(0.05)
    assert value_of(tokens, "otto") == "t-3"
    tokens.close()


async def test_no_more_are_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_tokens, "MAX_PEOPLE", 2)
    tokens = used()
    for n in range(3):
        tokens.keep(f"p{n}", f"t-{n}", time.time() + 60)
    assert [value_of(tokens, f"p{n}") for n in range(3)] == ["", "t-1", "t-2"]
    tokens.close()
