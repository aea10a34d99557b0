"""A shadow that begins at one replica decides at all of them, and what came of it is counted together."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receipts.tables import shadows
from tests.postgres import Postgres
from tests.replicas.database import with_database
from tests.replicas.pair import Pair, pair_of
from tests.server.operations.shadowing import ALL, NONE, candidate, flips, record
from tests.until import until
from tests.world import Sandbox, add_records


@pytest.fixture
async def pair(tmp_path: Path, sandbox: Sandbox, postgres: Postgres) -> AsyncIterator[Pair]:
    workspace = with_database(add_records(tmp_path / "w", sandbox), postgres.database("shadow_of_two"))
    async with pair_of(workspace, sandbox) as two:
        yield two


async def test_a_shadow_decides_at_every_replica(pair: Pair) -> None:
    await pair.a.app.shadow.begin(record(candidate(pair.a.workspace, ALL, NONE)))
    await until(lambda: pair.b.app.shadow._active is not None)
    counted = 0
    for world in (pair.a, pair.b):
        read = await world.call("get_record", {"record": "r1"})
        assert read["status"] == "confirmed", read
        found = await flips(world, counted)
        counted = found[0].count
    # each of the two gateways has counted, in one row
    (flip,) = found
    assert (flip.action, flip.after) == ("get_record", "denied")
    assert len(flip.actions) == 2
    assert await pair.b.app.shadow.end("lead")
    await until(lambda: pair.a.app.shadow._active is None)
    kept = await pair.a.app.store.read_aside(shadows.current)
    assert kept is not None
    assert kept.count.narrower >= flip.count
