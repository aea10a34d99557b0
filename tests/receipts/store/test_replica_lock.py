"""Replicas share a database; whoever migrates or copies it has it alone."""

import pytest

from contracts.errors import AilyusError
from receipts.store import replica_lock
from receipts.store.connection import DatabaseSession
from receipts.store.replica_lock import alone, share
from tests.postgres import Postgres


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.database("replica_lock")


def opened(url: str) -> DatabaseSession:
    session = DatabaseSession(url)
    session.open()
    return session


def test_replicas_share_it_and_keep_everybody_else_out(url: str) -> None:
    first, second = opened(url), opened(url)
    try:
        share(first)
        share(second)
        with pytest.raises(AilyusError, match="a gateway uses the database") as caught, alone(url):
            pytest.fail("it was taken from them")
        assert caught.value.code == "owner_elsewhere"
    finally:
        first.close()
        second.close()
    with alone(url) as session:
        assert session.query("SELECT 1") == [(1,)]


def test_no_replica_begins_while_somebody_has_it_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_lock, "_SHARE_TRIES", 2)
    late = opened(url)
    try:
        with alone(url), pytest.raises(AilyusError, match="the store is being migrated") as caught:
            share(late)
        assert caught.value.code == "owner_elsewhere"
        share(late)
    finally:
        late.close()


def test_a_database_that_does_not_answer_is_told_without_its_place() -> None:
    with (
        pytest.raises(AilyusError, match="the database does not answer: ") as caught,
        alone("postgres://127.0.0.1:1/n"),
    ):
        pytest.fail("there is none")
    assert caught.value.code == "store_corrupt"
    assert "127.0.0.1" not in str(caught.value)
