"""A full disk, a read-only file, a corrupted page, a clock set back: a clear error, nothing half recorded, nothing sent."""

import os
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from tests.world import Sandbox, World, gateway, make_workspace

UNLOCK = {"user_id": "00u2leo000001", "reason": "locked out since this morning"}


def recorded(world: World) -> list[int]:
    return [world.rows(f"SELECT count(*) FROM {t}")[0][0] for t in ("actions", "intents", "statements", "checkpoints")]


@pytest.mark.of_a_file
@pytest.mark.parametrize("pragma", ["max_page_count = 1", "query_only = ON"])
async def test_a_store_that_takes_nothing_sends_nothing(world: World, pragma: str) -> None:
    await world.call("find_user", {"email": "maria@example.com"})
    before = recorded(world)
    # the engine's own refusal: `database or disk is full`, `attempt to write a readonly database`
    open_ = world.app.store._open

    def refusing():  # type: ignore[no-untyped-def]
        connection = open_()
        connection.execute(f"PRAGMA {pragma}")
        return connection

    world.app.store._open = refusing  # type: ignore[method-assign]
    world.app.store._connection.execute(f"PRAGMA {pragma}")
    filler = {"user_id": "00u2leo000001", "reason": "x" * 290}
    answer = await world.call("unlock_user", filler)
    for _ in range(40):  # a page may still have room
        if answer["status"] == "invalid":
            break
        answer = await world.call("find_user", {"email": "leo@example.com"})
    assert answer["status"] == "invalid", answer
    assert answer["error"]["code"] == "store_unavailable"
    assert "disk" in answer["error"]["hint"]
    if pragma.startswith("query_only"):
        assert recorded(world) == before
        assert world.sandbox.writes() == 0
    assert world.rows("SELECT count(*) FROM intents WHERE state = 'intent'") == [(0,)]


@pytest.mark.of_a_file
async def test_a_clock_set_back_an_hour_stops_every_claim(world: World) -> None:
    await world.call("find_user", {"email": "maria@example.com"})
    clock = world.app.store._clock
    world.app.store._clock = lambda: clock() - 3_600_000
    answer = await world.call("unlock_user", UNLOCK)
    assert (answer["status"], answer["error"]["code"]) == ("invalid", "clock_behind")
    assert world.sandbox.writes() == 0
    world.app.store._clock = clock
    assert (await world.call("unlock_user", UNLOCK))["status"] == "confirmed"


async def test_a_corrupted_page_is_said_and_nothing_is_sent(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        for _ in range(3):
            await world.call("find_user", {"email": "maria@example.com"})
    path = workspace.store
    size = os.path.getsize(path)
    with path.open("r+b") as file:
        for page in range(4096 * 2, size, 4096):
            file.seek(page)
            file.write(os.urandom(4096))
    said = ""
    try:
        async with gateway(workspace, sandbox) as world:
            answer = await world.call("unlock_user", UNLOCK)
            said = answer["error"]["code"]
    except AilyusError as error:
        said = error.code
    assert said in ("store_corrupt", "store_unavailable"), said
    assert sandbox.writes() == 0
