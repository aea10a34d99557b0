"""A check of a store finds each kind of damage, says it in one line, and finds nothing in a sound one."""

import asyncio
import shutil
from pathlib import Path

import pytest

from server.workspace.workspace import Workspace
from tests.hostile import attack
from tests.postgres import Postgres
from tests.world import LEO, MARIA, Sandbox, World, ailyus, cli, gateway, make_workspace

pytestmark = pytest.mark.both_stores


async def use(world: World) -> None:
    """One action is confirmed, and another one waits."""
    assert (await world.reset(LEO))["status"] == "confirmed"
    await world.call("reset_user_mfa", MARIA)


async def test_a_sound_store_has_no_finding_beside_a_running_gateway(world: World) -> None:
    await use(world)
    said = await ailyus(world, "store", "check")
    assert said.startswith(f"ok: {world.app.store.size} statements")


@pytest.fixture(scope="module")
def sound() -> dict[str, Workspace]:
    """A used store of each kind, made when the first test asks for it: each damage is done to a copy."""
    return {}


@pytest.fixture
async def used(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sandbox: Sandbox,
    database: str,
    sound: dict[str, Workspace],
    request: pytest.FixtureRequest,
) -> Workspace:
    """A workspace whose store was used and whose gateway has ended."""
    kind = "database" if database else "file"
    if kind not in sound:
        made = make_workspace(tmp_path_factory.mktemp("sound") / "w", sandbox, database=database)
        async with gateway(made, sandbox) as world:
            await use(world)
        sound[kind] = made
    copy = tmp_path / "w"
    shutil.copytree(sound[kind].root, copy)
    if database:
        server: Postgres = request.getfixturevalue("postgres")
        url = (sound[kind].root / ".ailyus" / "secrets" / "store").read_text().strip()
        (copy / ".ailyus" / "secrets" / "store").write_text(server.database("copy", url.rpartition("/")[2]) + "\n")
    return Workspace.open(copy)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE nodes SET hash = (SELECT hash FROM nodes WHERE level = 0 AND idx = 0) WHERE level = 1 AND idx = 1",
         "the node 1 of level 1 is not what the nodes below it give"),
        ("DELETE FROM nodes WHERE level = 1 AND idx = 0", "the node 0 of level 1 is missing"),
        ("DELETE FROM nodes WHERE level = 0 AND idx = 2", "the nodes cannot be computed beyond leaf 2"),
        ("INSERT INTO nodes SELECT 40, 7, hash FROM nodes WHERE level = 0 AND idx = 0", "1 nodes stand beyond the log"),
        ("UPDATE evidence SET leaf_index = 999999 WHERE label = 'response'",
         "the evidence at leaf 999999 belongs to no statement"),
        ("INSERT INTO search VALUES ('v', 999999)", "the search values at leaf 999999 belong to no statement"),
        ("UPDATE intents SET receipt_id = 'rcp_none'", "names no statement"),
        ("UPDATE intents SET state = 'intent'", "is open though the action has ended"),
        ("UPDATE actions SET state = 'running' WHERE state = 'waiting'", "runs without an intent"),
        ("UPDATE actions SET plan_id = 'act_none' WHERE state = 'waiting'", "belongs to no plan"),
        ("INSERT INTO incidents VALUES ('act_none', 'r', 1, NULL)", "an incident belongs to no action (`act_none`)"),
        ("INSERT INTO rechecks VALUES ('act_none', 1, NULL)", "a later look belongs to no action (`act_none`)"),
        ("INSERT INTO handle_uses VALUES ('sec_none', 'd', 'a')", "a use of the secret `sec_none` is of no secret"),
        ("UPDATE actions SET status = 'denied' WHERE state = 'ended' AND status = 'confirmed' AND contract = 'reset_user_mfa'",
         "the status of the action"),
    ],
)  # fmt: skip
async def test_each_kind_of_damage_is_a_line(used: Workspace, change: str, finding: str) -> None:
    await attack(used, change)
    said = await asyncio.to_thread(cli, "store", "check", cwd=used.root, ok=False)
    assert finding in said
    assert "ok:" not in said


async def test_the_row_of_the_head_and_pages_of_the_file(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as world:
        await world.reset(LEO)
    if database:
        await attack(workspace, "UPDATE head SET size = size + 1")
        expected = "the row of the head says"
    else:
        data = bytearray(workspace.store.read_bytes())
        page = len(data) // 4096 - 1
        data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
        workspace.store.write_bytes(data)
        expected = "damaged"
    said = await asyncio.to_thread(cli, "store", "check", cwd=workspace.root, ok=False)
    assert expected in said or "cannot be read" in said
