"""The short form of the fault matrix: every named point once, one freeze. The long form: `python -m tests.faults`."""

import random
from pathlib import Path

from tests.faults.campaign import Campaign, freeze, prepared
from tests.faults.killer import POINTS
from tests.world import Sandbox, add_records


async def test_every_point_once(tmp_path: Path, sandbox: Sandbox) -> None:
    made = Campaign(prepared(add_records(tmp_path / "w", sandbox)), sandbox, random.Random(11))
    await made.begin()
    await freeze(made, "between_check_and_write")
    await made.run(len(POINTS) + 1)
    assert made.wrong == []
    assert sum(made.deaths.values()) == len(POINTS) + 1
