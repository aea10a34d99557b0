"""Both engines: what a test of the store or the journal asks of one is asked of the other."""

import itertools

import pytest

from tests.postgres import Postgres
from tests.postgres import postgres as postgres

_NAMES = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a new database, or nothing where the store is a file."""
    if request.param == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return server.database(f"test_{next(_NAMES)}")
