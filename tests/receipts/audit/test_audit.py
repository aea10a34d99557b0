"""The audit: where the log ends, what is missing of it, and that every finding is listed. Attacks by plain SQL."""

import asyncio
import contextlib
import shutil
import sqlite3
from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError
from receipts.audit.audit import SELF_ATTESTED
from receipts.log.checkpoint import Checkpoint
from receipts.statement.gateway_facts import ErasureFacts
from tests.free import free
from tests.hostile import attack, findings
from tests.receipts.making import journal_at
from tests.world import LEO, MARIA, Sandbox, World, cli, gateway, make_workspace

pytestmark = pytest.mark.both_stores


async def newest(world: World) -> Checkpoint:
    return Checkpoint.of_note(await world.app.store.newest())


async def cut(world: World, size: int) -> None:
    """Take everything away that the log got beyond a size, as somebody would who restores an old backup."""
    for table, column, keep in (
        ("evidence", "leaf_index", "<"),
        ("search", "leaf_index", "<"),
        ("statements", "leaf_index", "<"),
        ("checkpoints", "size", "<="),
    ):
        await attack(world.workspace, f"DELETE FROM {table} WHERE NOT {column} {keep} ?", size)


async def test_a_log_that_was_cut_is_found_by_the_head_file_and_by_a_checkpoint(world: World) -> None:
    await world.call("find_user", {"email": "maria@example.com"})
    earlier = await newest(world)
    await world.reset(LEO)
    kept = await newest(world)
    assert findings(world.workspace) == findings(world.workspace, kept) == findings(world.workspace, earlier) == []
    await cut(world, earlier.size)
    found = findings(world.workspace)
    assert f"the log ends at {earlier.size}, and the head file remembers {kept.size}" in found
    assert any(f"the older checkpoint is of {kept.size} stat" in said for said in findings(world.workspace, kept))


async def test_a_log_that_was_written_anew_does_not_continue_a_checkpoint(world: World) -> None:
    await world.reset(LEO)
    kept = await newest(world)
    forged = Checkpoint(kept.origin, kept.size, bytes(32))
    await world.call("find_user", {"email": "maria@example.com"})
    assert findings(world.workspace, kept) == []
    (found,) = findings(world.workspace, forged)
    assert "not a continuation" in found


async def test_a_waiting_result_that_cannot_be_read_is_a_finding(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    assert findings(world.workspace) == []
    await attack(world.workspace, "UPDATE actions SET result = x'7b7d' WHERE id = ?", asked["action_id"])
    assert findings(world.workspace) == [f"the result of the action `{asked['action_id']}` cannot be read"]
    with pytest.raises(AilyusError) as caught:
        await world.app.journal.get(asked["action_id"])
    assert caught.value.code == "store_corrupt"


async def test_a_result_of_another_form_is_read_and_audited(world: World) -> None:
    """A later version says more of it; what it says is passed on as it stands."""
    asked = await world.call("reset_user_mfa", MARIA)
    ((result,),) = world.rows("SELECT result FROM actions WHERE id = ?", asked["action_id"])
    more = orjson.dumps({**orjson.loads(bytes(result)), "mood": {"now": None}})
    sql = f"UPDATE actions SET result = x'{more.hex()}' WHERE id = ?"
    await attack(world.workspace, sql, asked["action_id"])
    assert findings(world.workspace) == []
    assert (await world.get(asked["action_id"], 0))["mood"] == {"now": None}


async def test_every_finding_is_listed(world: World) -> None:
    done = await world.reset(LEO)
    size = (await newest(world)).size
    space = world.workspace
    await attack(space, "DELETE FROM statements WHERE leaf_index IN (2, 3)")
    await attack(space, "UPDATE statements SET status = 'denied' WHERE id = ?", done["receipt_id"])
    await attack(space, "DELETE FROM search WHERE leaf_index = ?", size - 1)
    await attack(
        space,
        "INSERT INTO statements SELECT ?, 'rcp_twice', kind, action_id, tenant, agent, contract, status, changed,"
        " at_ms, envelope FROM statements WHERE leaf_index = 1",
        size,
    )
    found = findings(space)
    for part in (
        "the leaves 2 to 3 are missing",
        f"an index column of `{done['receipt_id']}`",
        f"the search values of `{done['receipt_id']}`",
        f"no signed checkpoint covers leaf {size}",
    ):
        assert any(part in sentence for sentence in found), (part, found)


async def test_statements_without_a_signed_checkpoint_are_found(world: World) -> None:
    await world.call("find_user", {"email": "maria@example.com"})
    size = (await newest(world)).size
    await attack(world.workspace, "DELETE FROM checkpoints WHERE size = ?", size)
    assert any("no signed checkpoint covers" in sentence for sentence in findings(world.workspace))
    await attack(world.workspace, "DELETE FROM checkpoints")
    assert f"no signed checkpoint covers the leaves 0 to {size - 1}" in findings(world.workspace)


@pytest.mark.parametrize("label", ["approval", "asked", "before/user", "params"])
async def test_missing_evidence_is_a_finding_unless_a_statement_says_that_it_was_erased(
    world: World, label: str
) -> None:
    await world.reset(LEO)
    ((receipt, leaf),) = world.rows(
        "SELECT s.id, s.leaf_index FROM evidence AS e JOIN statements AS s USING (leaf_index) WHERE e.label = ?"
        " ORDER BY s.leaf_index LIMIT 1",
        label,
    )
    await attack(world.workspace, "DELETE FROM evidence WHERE leaf_index = ? AND label = ?", leaf, label)
    (found,) = findings(world.workspace)
    assert found.startswith(f"the evidence `{label}` of `{receipt}` is missing")
    notary = world.app.journal.notary
    about = ErasureFacts(receipt=receipt, labels=(label,))
    sealed = notary.sign_gateway_statement(about, "rcp_erased", "acme", {receipt: "0" * 64}, world.app.store.now_ms())
    await world.app.store.write(sealed.insert)
    assert findings(world.workspace) == []


async def test_another_key_of_a_tenant_is_found(world: World) -> None:
    await attack(world.workspace, f"UPDATE tenant_keys SET key = x'{'00' * 32}' WHERE tenant = 'acme'")
    assert "the key of the tenant `acme` is not the one that was logged" in findings(world.workspace)
    await attack(world.workspace, "DELETE FROM tenant_keys WHERE tenant = 'acme'")
    assert "the key of the tenant `acme` is missing" in findings(world.workspace)
    await attack(world.workspace, f"INSERT INTO tenant_keys VALUES ('other', x'{'00' * 32}')")
    assert "the key of the tenant `other` has no statement" in findings(world.workspace)


async def test_a_tenant_key_of_an_earlier_version_is_logged_at_the_next_start(tmp_path: Path, database: str) -> None:
    """Its digest is taken as it stands then; from there on another key is found."""
    journal = await journal_at(tmp_path / "s.db", database=database)
    await journal.store.write(lambda txn: txn.write("DELETE FROM statements WHERE kind = 'tenant'"))
    await journal.store.write(lambda txn: txn.write("UPDATE meta SET value = 'older' WHERE key = 'release'"))
    sealed = journal.notary.sign_gateway_statement(
        free("release"), "rcp_next", "", {"r": "0" * 64}, journal.store.now_ms()
    )
    await journal.registry.activate("release-1", ["acme"], [], sealed)
    assert await journal.store.read("SELECT tenant FROM statements WHERE kind = 'tenant'") == [("acme",)]
    await journal.store.aclose()


async def test_the_command_says_who_attests_and_takes_a_checkpoint(world: World) -> None:
    root = str(world.workspace.root)
    kept = world.workspace.root / "kept.txt"
    said = await asyncio.to_thread(cli, "audit", "-w", root, "--checkpoint", str(kept))
    assert SELF_ATTESTED in said
    await world.call("find_user", {"email": "maria@example.com"})
    size = Checkpoint.of_note(kept.read_text()).size
    said = await asyncio.to_thread(cli, "audit", "-w", root, "--since", str(kept))
    assert f"1 since the checkpoint at {size}" in said
    kept.write_text(kept.read_text().replace(f"\n{size}\n", f"\n{size + 1}\n"))
    said = await asyncio.to_thread(cli, "audit", "-w", root, "--since", str(kept), ok=False)
    assert "not signed by a trusted key" in said


@pytest.mark.of_a_file
async def test_a_file_does_not_start_from_a_checkpoint_that_its_key_did_not_sign(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """History that was written anew, with its nodes, is not signed by the gateway's next commit."""
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        await world.call("find_user", {"email": "maria@example.com"})
    assert findings(workspace) == []
    with contextlib.closing(sqlite3.connect(workspace.store)) as connection:
        ((size, note),) = connection.execute("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        at = len(note) - 12  # in the base64 of the signature
        changed = f"{note[:at]}{'B' if note[at] == 'A' else 'A'}{note[at + 1 :]}"
        connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (changed, size))
        connection.commit()
    with pytest.raises(AilyusError, match="signed by another key or name"):
        async with gateway(workspace, sandbox):
            pass


@pytest.mark.of_a_file
async def test_an_older_copy_of_a_file_is_found(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        await world.call("find_user", {"email": "maria@example.com"})
    shutil.copy(workspace.store, tmp_path / "backup.db")
    async with gateway(workspace, sandbox) as world:
        await world.call("find_user", {"email": "leo@example.com"})
    assert findings(workspace) == []
    shutil.copy(tmp_path / "backup.db", workspace.store)
    (found,) = findings(workspace)
    assert "the head file remembers" in found
    said = cli("audit", "-w", str(workspace.root), ok=False)
    assert found in said
    assert "ok:" not in said
