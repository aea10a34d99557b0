"""The log's key is rotated while agents act: nothing fails, and every receipt of before and after is proven."""

import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

from receipts.audit.audit import audit
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots, read_roots
from receipts.audit.store_check import check_store
from receipts.audit.verify import verify
from receipts.log.checkpoint import Checkpoint
from receipts.log.signing import Signer
from receipts.store.row import Read
from server.workspace.backups import back_up
from server.workspace.log_key import key_file, open_log_key
from tests.postgres import Postgres
from tests.replicas.pair import pair_of
from tests.until import until
from tests.world import Sandbox, World, add_records, ailyus, gateway

ROTATE = ("key", "rotate", "log", "--as", "lead", "--reason", "once a year")


async def acted(world: World, name: str) -> str:
    answer = await world.call("add_event", {"record": "r1", "name": name})
    assert answer["status"] == "confirmed", answer
    return str(answer["receipt_id"])


def proof_of(world: World, receipt: str) -> bytes:
    def write(read: Read) -> bytes:
        return write_proof(read, receipt, None, disclose=True).encoded()

    return world._reading(write)


@pytest.mark.both_stores
async def test_agents_notice_nothing_and_every_proof_holds(tmp_path: Path, sandbox: Sandbox, database: str) -> None:
    workspace = add_records(tmp_path / "w", sandbox, database)
    async with gateway(workspace, sandbox) as world:
        first = Signer(open_log_key(workspace)).keyid
        before = await acted(world, "before")
        old_roots, old_file = read_roots(workspace.root / "roots.json"), proof_of(world, before)
        since = Checkpoint.of_note(await world.app.store.newest())
        calls = [asyncio.create_task(acted(world, f"during{chr(97 + n)}")) for n in range(8)]
        done = orjson.loads(await ailyus(world, *ROTATE, "--format", "json"))
        during = await asyncio.gather(*calls)
        after = await acted(world, "after")
        assert (done["former"], done["keyid"]) == (first, world.app.store.signer.keyid)
        new_roots = read_roots(workspace.root / "roots.json")
        assert set(new_roots.keys) == {first, done["keyid"]}
        for roots in (old_roots, new_roots):
            assert verify(old_file, roots).receipt["receipt"] == before
            for receipt in (before, *during, after):
                assert verify(proof_of(world, receipt), roots).receipt["receipt"] == receipt
        for roots in (old_roots, new_roots):
            assert await world.app.store.read_aside(lambda read, by=roots: list(audit(read, by, None, since))) == []
            found = await world.app.store.read_aside(
                lambda read, by=roots: list(check_store(read, by, None, bool(database)))
            )
            assert found == []
        summary = await asyncio.to_thread(back_up, workspace, tmp_path / "backup.db")
        assert summary.keyid == done["keyid"]
    async with gateway(workspace, sandbox) as world:  # and so it is after a restart
        last = await acted(world, "restarted")
        assert verify(proof_of(world, last), old_roots).receipt["receipt"] == last


async def test_a_replica_waits_for_the_new_key_and_takes_it_where_it_reads_its_own(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    workspace = add_records(tmp_path / "w", sandbox, postgres.database("rotated"))
    async with pair_of(workspace, sandbox) as pair:
        done = orjson.loads(await ailyus(pair.a, *ROTATE, "--format", "json"))
        b = pair.b.app

        # INVARIANT 10: it adds nothing with the former key, and says which one it needs
        await until(lambda: done["keyid"] in str(b.health.ready()))
        assert not b.health.ready().ok
        own, other = key_file(workspace), key_file(pair.b.workspace)
        shutil.copy(own or "", other or "")
        await until(lambda: b.health.ready().ok)
        receipt = await acted(pair.b, "other")
        roots = Roots.of(workspace.settings.origin, b.store.keys)
        assert verify(proof_of(pair.b, receipt), roots).receipt["receipt"] == receipt
