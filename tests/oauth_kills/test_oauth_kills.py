"""The short form of `python -m tests.oauth_kills`: of two replicas one dies with the only copy of the new tokens."""

import random
from pathlib import Path

from tests.books import books_workspace, consenting
from tests.oauth_kills.campaign import Campaign, Replica
from tests.postgres import Postgres
from tests.world import Sandbox


async def test_another_replica_asks_again_and_nobody_notices(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    async with consenting() as (server, port):
        workspace = books_workspace(tmp_path / "w", sandbox, server, database=postgres.database("tokens_of_two"))
        made = Campaign(workspace, sandbox, server, port, random.Random(1))
        await made.begin(replicas=2)
        first = Replica(workspace)
        try:
            await made.round(first, "after_answer", strict=False)
        finally:
            await made.end(first)
        assert made.wrong == []
        assert (made.lost, dict(made.deaths)) == (0, {"killed after_answer": 1})
