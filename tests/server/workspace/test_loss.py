"""Who may accept a loss, with which key, and what the head file remembers then."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import orjson

from server.workspace.stores import remembered_head
from server.workspace.workspace import Workspace
from tests.postgres import Postgres
from tests.world import LEO, MARIA, Sandbox, ailyus, cli, gateway, make_workspace


def accept(workspace: Workspace, *more: str, person: str = "lead", ok: bool = True) -> str:
    how = ("store", "accept-loss", "--as", person, "--reason", "the disk broke", *more)
    return cli(*how, cwd=workspace.root, ok=ok)


async def rewound(workspace: Workspace, sandbox: Sandbox, backup: Path) -> None:
    """A workspace whose store was restored, and whose head file remembers a longer log."""
    async with gateway(workspace, sandbox) as world:
        await world.reset(LEO)
        await ailyus(world, "store", "backup", str(backup))
        await world.reset(MARIA)
    for suffix in ("", "-wal", "-shm"):
        workspace.store.with_name(workspace.store.name + suffix).unlink(missing_ok=True)
    await asyncio.to_thread(cli, "store", "restore", str(backup), cwd=workspace.root)


async def test_the_remembered_head_is_in_the_statement_and_is_replaced(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    await rewound(workspace, sandbox, tmp_path / "b.db")
    known = remembered_head(workspace)
    assert known is not None
    said = orjson.loads(await asyncio.to_thread(accept, workspace, "--format", "json"))
    assert said["remembered"] == {"size": known.size, "root": known.root}
    assert said["restored"]["size"] < known.size
    async with gateway(workspace, sandbox) as world:
        assert (await world.call("reset_user_mfa", MARIA))["status"] == "denied"
        assert "restored from a backup" in await ailyus(world, "halt", "list")
        told = await ailyus(world, "audit")
        assert f"in place of a log that was remembered at {known.size}" in told
        assert said["receipt"] in await ailyus(world, "receipt", "find", "--kind", "loss")


async def test_only_who_may_release_accepts_with_a_key_that_is_linked(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    await rewound(workspace, sandbox, tmp_path / "b.db")
    lead = workspace.key_file("lead")
    others = [person.name for person in workspace.settings.people if person.name != "lead"]
    may = set(workspace.settings.release.roles)
    other = next(p.name for p in workspace.settings.people if not set(p.roles) & may)
    refused = await asyncio.to_thread(accept, workspace, "--key", str(lead), person=other, ok=False)
    assert f"`{other}` may not accept a loss" in refused
    assert "is no declared person" in await asyncio.to_thread(
        accept, workspace, "--key", str(lead), person="eve", ok=False
    )
    short = cli("store", "accept-loss", "--as", "lead", "--reason", "x", cwd=workspace.root, ok=False)
    assert "`x` is no reason" in short
    # a key of somebody else, or of nobody
    strange = next(workspace.key_file(name) for name in others if workspace.key_file(name).exists())
    assert "the key is not linked to `lead`" in await asyncio.to_thread(
        accept, workspace, "--key", str(strange), ok=False
    )
    assert "came out of a backup" in await asyncio.to_thread(cli, "serve", cwd=workspace.root, ok=False)
    assert "the log goes on from" in await asyncio.to_thread(accept, workspace)


async def test_an_older_copy_that_was_put_in_place_by_hand_is_accepted_too(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        await world.reset(LEO)
    shutil.copy(workspace.store, tmp_path / "copy.db")
    async with gateway(workspace, sandbox) as world:
        assert "another process owns this store" in await asyncio.to_thread(accept, workspace, ok=False)
        await world.reset(MARIA)
    for suffix in ("-wal", "-shm"):
        workspace.store.with_name(workspace.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", workspace.store)
    assert "its last known head is" in await asyncio.to_thread(cli, "serve", cwd=workspace.root, ok=False)
    assert "a log of" in await asyncio.to_thread(accept, workspace)
    async with gateway(workspace, sandbox):
        pass
    assert "nothing was lost" in await asyncio.to_thread(accept, workspace, ok=False)
    # what nothing here knows of, a person may know
    assert "the log goes on from" in await asyncio.to_thread(accept, workspace, "--recovered")


async def test_a_database_that_is_another_one_is_accepted(tmp_path: Path, sandbox: Sandbox, postgres: Postgres) -> None:
    """As after a promotion, or a recovery to a point in time: the file beside the gateway remembers another one."""
    database = postgres.database("accepted")
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as world:
        await world.reset(LEO)
        assert "a gateway uses the database" in await asyncio.to_thread(accept, workspace, ok=False)
    head = workspace.private / "store.head"
    seen = orjson.loads(head.read_bytes())
    head.write_bytes(orjson.dumps(seen | {"timeline": "00000009", "size": seen["size"] + 3}).ljust(256))
    assert "the database is another one" in await asyncio.to_thread(cli, "serve", cwd=workspace.root, ok=False)
    said = orjson.loads(await asyncio.to_thread(accept, workspace, "--format", "json"))
    assert said["remembered"]["size"] == seen["size"] + 3
    now = orjson.loads(head.read_bytes())
    assert (now["timeline"], now["system"]) == (seen["timeline"], seen["system"])
    async with gateway(workspace, sandbox):
        pass
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM statements WHERE kind = 'loss'") == 1
    await connection.close()
