"""The short form of `python -m tests.oauth_kills`: of two replicas one dies with the only copy of the new tokens."""

import itertools
import random
from pathlib import Path

import pytest

from tests.books import books_workspace, consenting
from tests.oauth_kills.campaign import Campaign, Replica, Situation, dealt
from tests.oauth_kills.killer import POINTS
from tests.postgres import Postgres
from tests.world import Sandbox


async def test_another_replica_asks_again_and_nobody_notices(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    async with consenting() as (server, port):
        workspace = books_workspace(tmp_path / "w", sandbox, server, database=postgres.database("tokens_of_two"))
        made = Campaign(workspace, sandbox, server, port)
        await made.begin(replicas=2)
        first = Replica(workspace)
        try:
            await made.round(first, Situation("after_answer", "", is_strict=False))
        finally:
            await made.end(first)
        assert made.wrong == []
        assert (made.lost, dict(made.deaths)) == (0, {"killed after_answer": 1})


def test_a_finding_names_a_situation_that_can_be_made_again() -> None:
    made = list(itertools.islice(dealt(random.Random(1)), 100))
    assert [Situation.parse(str(one)) for one in made] == made
    assert {one.point for one in made} == {*POINTS, ""}
    assert all(one.point or one.fault for one in made)
    with pytest.raises(ValueError, match="nowhere"):
        Situation.parse("nowhere,none,grace")
