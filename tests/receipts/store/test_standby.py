"""A standby that streams while no commit waits for it could be promoted without what was promised."""

import pytest

from contracts.errors import AilyusError
from receipts.store.connection import DatabaseSession
from receipts.store.standby import is_unwitnessed, refuse_unwitnessed
from tests.postgres import Postgres


def test_a_database_without_a_standby_is_not_refused(postgres: Postgres) -> None:
    session = DatabaseSession(postgres.database("no_standby"))
    session.open()
    try:
        assert not is_unwitnessed(session.query)
        refuse_unwitnessed(session.query)
    finally:
        session.close()


@pytest.mark.parametrize(("answer", "unwitnessed"), [([(True,)], True), ([(False,)], False), ([(None,)], False)])
def test_what_the_database_answers_decides(answer: list[tuple[bool | None]], unwitnessed: bool) -> None:
    assert is_unwitnessed(lambda sql, *values: list(answer)) is unwitnessed


def test_it_is_refused_with_the_setting_that_makes_commits_wait() -> None:
    with pytest.raises(AilyusError, match="no commit waits for it") as caught:
        refuse_unwitnessed(lambda sql, *values: [(True,)])
    assert (caught.value.code, caught.value.hint) == ("bad_settings", "set `synchronous_standby_names` on the server")
