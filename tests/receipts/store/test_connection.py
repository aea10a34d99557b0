"""A connection to a database: how statements are numbered, which settings it must keep, and what an error says."""

import re

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receipts.store.connection import KEPT, SETTINGS, DatabaseSession, SettingsLost, lost_setting, numbered, said

KEEPING = tuple(SETTINGS[name] for name in KEPT)


def test_places_are_numbered_in_their_order_or_by_their_own_number() -> None:
    assert numbered("UPDATE t SET a = ?, b = ? WHERE c = ?") == "UPDATE t SET a = $1, b = $2 WHERE c = $3"
    assert numbered("UPDATE t SET a = ?1 WHERE b = ?2 AND c < ?1") == "UPDATE t SET a = $1 WHERE b = $2 AND c < $1"
    assert numbered("INSERT INTO t VALUES (?, ?)", "v.p") == "INSERT INTO t VALUES (v.p1, v.p2)"


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a", " = ", "'x'", ",", "("]), max_size=6).map("".join), st.integers(0, 5))
def test_nothing_but_the_places_changes(text: str, places: int) -> None:
    sql = text + "?, " * places
    assert re.findall(r"\$(\d+)", numbered(sql)) == [str(n) for n in range(1, places + 1)]
    assert re.sub(r"\$\d+", "?", numbered(sql)) == sql


def test_a_session_has_lost_the_first_setting_that_is_not_as_asked() -> None:
    assert lost_setting(KEEPING) == ""
    assert lost_setting(("off", *KEEPING[1:])) == "synchronous_commit = off"
    assert lost_setting((*KEEPING[:2], "0")) == "lock_timeout = 0"


def test_to_wait_for_more_than_was_asked_is_no_loss() -> None:
    assert lost_setting(("remote_apply", *KEEPING[1:])) == ""
    assert lost_setting(("local", *KEEPING[1:])) == "synchronous_commit = local"


def test_a_lost_setting_is_said_with_the_way_to_keep_it() -> None:
    fault = SettingsLost("synchronous_commit = off")
    assert fault.code == "bad_settings"
    assert fault.sentence == "the database session has `synchronous_commit = off`, which was not asked for"
    assert "ALTER ROLE … SET lock_timeout = '8s'" in fault.hint


def test_an_error_is_a_word_and_never_its_text() -> None:
    assert said(asyncpg.UniqueViolationError("Key (email)=(ann@acme.test) already exists")) == "23505"
    assert said(ConnectionRefusedError(111, "connect to 10.0.0.1 failed")) == "connectionrefusederror"


def test_a_session_that_was_not_opened_does_nothing() -> None:
    session = DatabaseSession("postgres://127.0.0.1:1/none")
    try:
        with pytest.raises(asyncpg.InterfaceError, match="the connection is closed"):
            session.query("SELECT 1")
        with pytest.raises(OSError, match="Connect call failed"):
            session.open()
        session.drop()
    finally:
        session.close()
    assert session.loop.is_closed()
