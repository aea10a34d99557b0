"""The newest receipts a line each, and each further one while the command goes on."""

import asyncio
import json
from pathlib import Path

from tests.forks import Forked
from tests.until import until
from tests.world import World, ailyus

USER = {"user_id": "00u1maria0001"}


async def test_what_comes_is_printed_once_and_in_order(world: World, tmp_path: Path) -> None:
    first = await world.call("get_user", USER)
    newest = json.loads(await ailyus(world, "receipt", "tail", "-n", "1", "--format", "jsonl"))
    assert newest["receipt"] == first["receipt_id"]
    assert (newest["status"], newest["contract"], newest["agent"]) == ("confirmed", "get_user", "support-bot")
    path = tmp_path / "followed"
    after = str(newest["leaf_index"])
    with path.open("wb") as out:
        following = Forked(
            ("receipt", "tail", "--follow", "--after", after, "--format", "jsonl"), world.workspace.root, out, out
        )
    try:
        answers = [await world.call("get_user", USER) for _ in range(3)]
        wanted = [answer["receipt_id"] for answer in answers]
        await until(lambda: wanted[-1] in path.read_text())
        assert following.poll() is None
    finally:
        following.kill()
        await asyncio.to_thread(following.wait)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["receipt"] for row in rows if row["contract"] == "get_user"] == wanted
    assert [row["leaf_index"] for row in rows] == list(range(int(after) + 1, int(after) + 1 + len(rows)))


async def test_a_line_for_people_has_no_more_than_the_list(world: World) -> None:
    answer = await world.call("get_user", USER)
    said = await ailyus(world, "receipt", "tail", "-n", "1")
    assert said.count("\n") == 1
    for word in (answer["receipt_id"], "outcome", "confirmed", "support-bot", "get_user"):
        assert word in said
    assert await ailyus(world, "receipt", "tail", "-n", "0") == ""
