"""A store whose clock was once ahead: it says so, and there is a way out."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import asyncpg
import orjson
import pytest

from receipts.log.signing import Envelope
from tests.world import LEO, Sandbox, Workspace, cli, gateway, make_workspace

pytestmark = pytest.mark.both_stores
YEARS_MS = 3 * 31_536_000_000


async def ahead(workspace: Workspace, database: str) -> None:
    """What a clock that was three years ahead leaves in the store."""
    if database:
        connection = await asyncpg.connect(database)
        try:
            await connection.execute(f"UPDATE head SET high_water_ms = high_water_ms + {YEARS_MS}")
            await connection.execute(f"UPDATE checkpoints SET at_ms = at_ms + {YEARS_MS}")
        finally:
            await connection.close()
        return
    with contextlib.closing(sqlite3.connect(workspace.store)) as file, file:
        file.execute(f"UPDATE checkpoints SET at_ms = at_ms + {YEARS_MS}")


async def test_a_clock_that_was_ahead_has_a_way_out(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    how = ("store", "accept-clock", "--as", "lead", "--reason", "the battery was empty", "-w", str(workspace.root))
    async with gateway(workspace, sandbox) as world:
        assert (await world.call("get_user", {"user_id": LEO["user_id"]}))["status"] == "confirmed"
    assert "the clock is not behind" in await asyncio.to_thread(cli, *how, ok=False)
    await ahead(workspace, database)
    async with gateway(workspace, sandbox) as world:
        sandbox.reset()
        asked = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
        assert (await world.call("unlock_user", asked))["status"] != "confirmed"
        assert sandbox.writes() == 0
        said = await asyncio.to_thread(cli, "doctor", "-w", str(workspace.root), ok=False)
        assert "FAIL clock: the store's last commit is 3 years ahead" in said or "2 years ahead" in said
        assert "ailyus store accept-clock" in said
        assert "end" in await asyncio.to_thread(cli, *how, ok=False)
    assert "is the clock's again" in await asyncio.to_thread(cli, *how)
    async with gateway(workspace, sandbox) as world:
        assert (await world.call("unlock_user", asked))["status"] == "confirmed"
        ((envelope,),) = world.rows("SELECT envelope FROM statements WHERE kind = 'clock'")
        about = orjson.loads(Envelope.decode(envelope).payload)["predicate"]["about"]
        assert (about["by"], about["reason"]) == ("lead", "the battery was empty")
        assert about["from"] - about["to"] > YEARS_MS - 600_000
