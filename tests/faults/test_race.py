"""The short form of the race for a budget: one death on each store. The long form: `python -m tests.faults --race`."""

from pathlib import Path

from tests.faults.race import SHARES, race
from tests.postgres import Postgres
from tests.world import Sandbox


async def test_a_death_after_a_share_is_taken(tmp_path: Path, sandbox: Sandbox) -> None:
    made = await race(tmp_path, sandbox, ["after_intent"], 1, None)
    assert made.wrong == []
    assert sum(made.deaths.values()) == 1
    assert made.ends["add_event confirmed"] + made.ends["add_event unknown"] == SHARES


async def test_a_replica_dies_as_soon_as_the_agent_has_what_it_read(
    postgres: Postgres, tmp_path: Path, sandbox: Sandbox
) -> None:
    made = await race(tmp_path, sandbox, ["answered_read"], 2, postgres)
    assert made.wrong == []
    assert made.deaths == {"answered_read": 1}
    # both replicas know of it: the one that came back, and the one that went on
    assert made.ends["set_value after a read denied"] == 2
