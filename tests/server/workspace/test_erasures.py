"""Erasure in a workspace: 0 bytes of the subject in any file of it, and the gateway goes on."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.bundle import write_bundle
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from receipts.journal.erasure import SUMMARY
from server.workspace.erasures import erase_here
from server.workspace.stores import reading
from server.workspace.workspace import Workspace
from tests.world import Sandbox, add_records, cli, gateway

SUBJECT = "erasuresubjectxq"


def holding(folder: Path) -> list[str]:
    """The files of a workspace that hold the subject, in UTF-8 or UTF-16."""
    forms = [form.lower() for form in (SUBJECT.encode(), SUBJECT.encode("utf-16-le"), SUBJECT.encode("utf-16-be"))]
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if any(form in path.read_bytes().lower() for form in forms)]


async def test_what_a_gateway_kept_of_somebody_is_erased_and_the_bundle_says_so(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        done = await world.call("set_value", {"record": "r1", "value": SUBJECT})
        kept = await world.call("find_user", {"email": "leo@example.com"})
        assert (done["status"], kept["status"]) == ("confirmed", "confirmed")
        receipt = done["receipt_id"]
        proof = (
            await asyncio.to_thread(world._reading, lambda read: write_bundle(read, receipt, receipt, ()))
        ).encoded()
        ((person,),) = world.rows("SELECT DISTINCT person FROM actions")
        with pytest.raises(AilyusError, match="another process owns this store"):
            await erase_here(workspace, "acme", SUBJECT, "lead", "asked to be forgotten")
    roots = read_roots(workspace.root / "roots.json")
    assert await asyncio.to_thread(holding, tmp_path) == []  # sealed at rest
    with pytest.raises(AilyusError, match="asks or decides here"):
        await erase_here(workspace, "acme", str(person), "lead", "asked to be forgotten")
    with pytest.raises(AilyusError, match="is still what the same call would be"):
        await erase_here(workspace, "acme", SUBJECT, "lead", "asked to be forgotten")
    with contextlib.closing(sqlite3.connect(workspace.store)) as connection, connection:
        connection.execute("UPDATE actions SET held_until_ms = 0")
        connection.execute("UPDATE rechecks SET done_ms = 1")
    said = await asyncio.to_thread(
        cli, "erase", SUBJECT, "--reason", "asked to be forgotten", "--as", "lead", cwd=workspace.root
    )
    assert "erased what 1 actions held" in said
    assert await asyncio.to_thread(holding, tmp_path) == []
    found = await asyncio.to_thread(look, workspace, receipt)
    assert found.findings == []
    verdict = verify(found.bundle, roots)
    assert any(one.startswith("erased: ") for one in verdict.not_shown)
    assert not any(SUBJECT.encode() in data for data in verdict.disclosed.values())
    assert verify(proof, roots).receipt["receipt"] == receipt
    again = await erase_here(workspace, "acme", SUBJECT, "lead", "asked to be forgotten")
    assert (again.actions, again.receipts) == ((), ())
    async with gateway(workspace, sandbox) as world:  # whoever asks for it is told so, and the store goes on
        told = await world.get(done["action_id"])
        assert told["summary"] == SUMMARY
        assert (await world.call("set_value", {"record": "r1", "value": "new"}))["status"] == "confirmed"


class Seen(NamedTuple):
    """What an audit finds, and the bundle of a receipt."""

    findings: list[str]
    bundle: bytes


def look(workspace: Workspace, receipt: str) -> Seen:
    roots = read_roots(workspace.root / "roots.json")
    with reading(workspace) as read:
        return Seen(list(audit(read, roots)), write_bundle(read, receipt, receipt, ()).encoded())
