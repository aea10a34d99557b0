"""What replicas tell each other: short enough for PostgreSQL, read as it was meant, and never about one's own."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receipts.store.listener import MAX_PAYLOAD, Listener, payload
from receipts.store.store import Change

IDS = st.frozensets(st.integers(0, 2**60).map(lambda n: f"act_{n:026d}"), min_size=1, max_size=400)


async def nobodys(connection: object) -> None:
    pytest.fail("no connection was asked for")


def listener(replica: str = "here") -> Listener:
    return Listener("postgres://127.0.0.1:1/none", replica, nobodys)


def heard(listener: Listener) -> Change:
    """What it has heard and not passed on yet."""
    return Change(None if listener._any else frozenset(listener._ids), listener._controls)


@settings(max_examples=60)
@given(IDS, st.booleans())
def test_a_change_is_heard_as_it_was_told_or_as_one_of_any(ids: frozenset[str], controls: bool) -> None:
    text = payload("there", Change(ids, controls))
    assert len(text) <= MAX_PAYLOAD < 8_000
    one = listener()
    one._told(text)
    whole = len(" ".join(["there", *("!" if controls else ()), *ids])) <= MAX_PAYLOAD
    assert heard(one) == Change(ids if whole else None, controls)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(frozenset({"act_b", "act_a"}), False), "there act_a act_b"),
        (Change(frozenset({"act_a"}), True), "there ! act_a"),
        (Change(None, True), "there ! *"),
        (Change(frozenset(f"act_{n:026d}" for n in range(300)), True), "there ! *"),
        (Change(frozenset(f"act_{n:026d}" for n in range(300)), False), "there *"),
    ],
)
def test_the_text_of_a_notification(change: Change, text: str) -> None:
    assert payload("there", change) == text


def test_ones_own_word_is_not_heard_and_those_of_several_are_heard_together() -> None:
    one = listener()
    one._told(payload("here", Change(None, True)))
    assert (heard(one), one._signal.is_set()) == (Change(frozenset(), False), False)
    one._told("there act_a")
    one._told("elsewhere ! act_b")
    assert (heard(one), one._signal.is_set()) == (Change(frozenset({"act_a", "act_b"}), True), True)


async def test_a_database_that_does_not_answer_ends_no_listener() -> None:
    one = listener()
    one.start(lambda _: pytest.fail("nothing was heard"))
    await asyncio.sleep(0)
    assert one._task is not None
    assert not one._task.done()
    await one.close()
    assert one._task.cancelled()
