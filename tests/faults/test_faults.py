"""The short form of the fault matrix: every named point once, one freeze. The long form: `python -m tests.faults`."""

import asyncio
import random
from pathlib import Path

from tests.faults.campaign import Campaign, freeze, prepared
from tests.faults.killer import POINTS
from tests.faults.replicas import HOW, campaign
from tests.postgres import Postgres
from tests.world import Sandbox, add_records


async def test_every_point_once(tmp_path: Path, sandbox: Sandbox) -> None:
    made = Campaign(prepared(add_records(tmp_path / "w", sandbox)), sandbox, random.Random(11))
    await made.begin()
    await freeze(made, "between_check_and_write")
    await made.run(len(POINTS) + 1)
    assert made.wrong == []
    assert sum(made.deaths.values()) == len(POINTS) + 1


async def test_two_replicas_and_every_end(postgres: Postgres, tmp_path: Path) -> None:
    """The short form of `--store postgres`: one dies, one freezes, one loses its way to the database."""
    ends = (
        campaign(postgres, 1, seed, tmp_path / how, hows=(how,), points=("after_intent",))
        for seed, how in enumerate(HOW[-3:])
    )
    for made in await asyncio.gather(*ends):
        assert made.wrong == []
        assert sum(made.deaths.values()) == 1
