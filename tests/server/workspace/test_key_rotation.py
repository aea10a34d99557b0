"""The key that seals secrets is rotated in a workspace: cut short at any step, one key or the other opens everything."""

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.journal.secret_vault import KEY_BYTES, mark_of
from receipts.log.signing import Signer
from server.workspace.key_rotation import rotate_sealing_key
from server.workspace.log_key import open_log_key
from server.workspace.own_keys import own_keys
from server.workspace.stores import open_store, sealing_key
from server.workspace.workspace import Workspace
from tests.receipts.making import request
from tests.world import ROOT, Sandbox, cli, gateway, make_workspace

REASON = "once a year"


async def run_once(workspace: Workspace, sandbox: Sandbox) -> None:
    async with gateway(workspace, sandbox):
        pass


def journal_of(workspace: Workspace) -> Journal:
    signer = Signer(open_log_key(workspace))
    return Journal(open_store(workspace, signer), signer, sealing_key(workspace))


async def opens(workspace: Workspace, handle: str) -> bool:
    """Does the key that is found open what is sealed, as a gateway finds it?"""
    journal = await asyncio.to_thread(journal_of, workspace)
    await journal.load()
    ((sealed,),) = await journal.store.read("SELECT sealed FROM handles WHERE id = ?", handle)
    await journal.store.aclose()
    return isinstance(sealed, bytes) and journal.handles.opened(handle, sealed) == "hunter2"


@pytest.fixture
async def sealed(tmp_path: Path, sandbox: Sandbox) -> tuple[Workspace, str]:
    """A workspace and the handle of a secret in its store."""
    workspace = make_workspace(tmp_path / "w", sandbox)
    await run_once(workspace, sandbox)
    journal = await asyncio.to_thread(journal_of, workspace)
    await journal.load()
    ids, new = journal.handles.seal(request(), None, "act_1", {"v": ("hunter2", ("a.b",))}, 1)
    await journal.store.write(new.insert)
    await journal.store.aclose()
    return workspace, ids["v"]


async def test_the_new_key_takes_the_place_and_the_former_is_kept_beside(
    sealed: tuple[Workspace, str], sandbox: Sandbox
) -> None:
    workspace, handle = sealed
    path = workspace.store.with_suffix(".secrets")
    first = mark_of(path.read_bytes())[:32]
    said = cli("key", "rotate", "secrets", "--as", "lead", "--reason", REASON, "-w", str(workspace.root))
    second = mark_of(path.read_bytes())[:32]
    assert f"1 rows are sealed with the key {second}; until now {first}" in said
    kept = path.with_name(f"store-{first}.secrets")
    assert (mark_of(kept.read_bytes())[:32], kept.stat().st_mode & 0o777) == (first, 0o600)
    assert await opens(workspace, handle)
    listed = [(one.keyid, one.state) for one in own_keys(workspace) if one.kind == "secrets"]
    assert listed == [(first, "retired"), (second, "in use")]
    await run_once(workspace, sandbox)
    path.write_bytes(kept.read_bytes())
    with pytest.raises(AilyusError, match="sealed with another key"):
        await run_once(workspace, sandbox)


async def test_killed_at_any_step_one_of_both_keys_opens_everything(
    sealed: tuple[Workspace, str], tmp_path: Path
) -> None:
    (workspace, handle), copies = sealed, tmp_path / "copies"
    command = [
        sys.executable,
        "-m",
        "tests.server.workspace.killed_rotation",
        str(workspace.root),
        str(copies),
        "secrets",
    ]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = workspace.store.with_suffix(".secrets")
    first, was_first = mark_of(path.read_bytes()), []
    for copy in map(Workspace.open, sorted(copies.iterdir(), key=lambda one: int(one.name))):
        assert await opens(copy, handle)
        found = sealing_key(copy)
        was_first.append(mark_of(found if isinstance(found, bytes) else found.read_bytes()) == first)
        await rotate_sealing_key(copy, "lead", REASON)
        assert await opens(copy, handle)
        assert copy.store.with_suffix(".secrets").stat().st_size == KEY_BYTES
    assert was_first == sorted(was_first, reverse=True)
    assert set(was_first) == {True, False}


async def test_elsewhere_than_in_a_file_people_put_the_new_key_after_the_present_one(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (base64.b64encode(os.urandom(KEY_BYTES)).decode() for _ in range(2))
    monkeypatch.setenv("SEAL", first)
    workspace = make_workspace(tmp_path / "w", sandbox, extra='\n[store]\nsecrets = "env:SEAL"\n')
    await run_once(workspace, sandbox)
    with pytest.raises(AilyusError, match="there is no new key at `env:SEAL`"):
        await rotate_sealing_key(workspace, "lead", REASON)
    monkeypatch.setenv("SEAL", f"{first}\n{second}\n")
    done = await rotate_sealing_key(workspace, "lead", REASON)
    assert done.following == "take the former key away from `env:SEAL`"
    await run_once(workspace, sandbox)  # with both
    monkeypatch.setenv("SEAL", second)
    await run_once(workspace, sandbox)
    monkeypatch.setenv("SEAL", first)
    with pytest.raises(AilyusError, match="sealed with another key"):
        await run_once(workspace, sandbox)


async def test_it_waits_until_no_gateway_runs(sealed: tuple[Workspace, str], sandbox: Sandbox) -> None:
    workspace, _ = sealed
    async with gateway(workspace, sandbox):
        with pytest.raises(AilyusError) as caught:
            await rotate_sealing_key(workspace, "lead", REASON)
    assert caught.value.code == "owner_elsewhere"
