"""Whose process calls is told by the system's table of sockets; what cannot be told is taken for the same user."""

import os
from pathlib import Path

import orjson
import pytest

from server.mcp.peers import Peers
from tests.proofs.worlds import file_of
from tests.world import World

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = (
    "   0: 0100007F:{port:04X} 0100007F:{remote:04X} 01 00000000:00000000 00:00000000 00000000  {user}        0 1 1 0\n"
)
HERE = ("127.0.0.1", 40000)
GATEWAY = ("127.0.0.1", 8484)


def table(path: Path, user: int, port: int = 40000) -> Path:
    path.write_text(HEAD + ROW.format(port=8484, remote=port, user=77) + ROW.format(port=port, remote=8484, user=user))
    return path


@pytest.mark.parametrize(("user", "boundary"), [(os.geteuid(), "same_user"), (0, "same_user"), (4711, "network")])
def test_another_user_of_the_machine_is_another(tmp_path: Path, user: int, boundary: str) -> None:
    assert Peers((table(tmp_path / "tcp", user),)).boundary(HERE, GATEWAY) == boundary


def test_who_cannot_be_told_is_the_same_user(tmp_path: Path) -> None:
    nothing = Peers((tmp_path / "missing",))
    assert nothing.boundary(HERE, GATEWAY) == "same_user"
    assert nothing.boundary(None, GATEWAY) == "same_user"
    assert nothing.boundary(("10.0.0.5", 40000), ("10.0.0.5", 8484)) == "same_user"
    assert nothing.boundary(("::1", 40000), ("::1", 8484)) == "same_user"
    assert nothing.boundary(("10.0.0.9", 40000), ("10.0.0.5", 8484)) == "network"
    assert Peers((table(tmp_path / "tcp", 4711, port=40001),)).boundary(HERE, GATEWAY) == "same_user"


async def test_who_came_as_the_same_user_stays_it(tmp_path: Path) -> None:
    path = tmp_path / "tcp"
    peers = Peers((table(path, os.geteuid()),))
    assert await peers.of("one", HERE, GATEWAY) == "same_user"
    table(path, 4711, port=40001)
    assert await peers.of("two", ("127.0.0.1", 40001), GATEWAY) == "network"
    assert await peers.of("one", ("127.0.0.1", 40001), GATEWAY) == "same_user"
    assert await peers.of("one", ("10.0.0.9", 40001), GATEWAY) == "same_user"
    assert await peers.of("three", ("10.0.0.9", 40001), GATEWAY) == "network"


async def test_an_agent_that_leaves_the_header_out_is_the_same_user(world: World) -> None:
    """The client here sends no header of ours, and runs as the user who owns the gateway's files."""
    read = await world.call("find_user", {"email": "leo@example.com"})
    rows = world.rows("SELECT envelope FROM statements WHERE id = ?", read["receipt_id"])
    assert b"proof" in file_of(world, read["receipt_id"])
    assert orjson.loads(rows[0][0])
    assert world.proof(read["receipt_id"]).receipt["boundary"] == "same_user"
