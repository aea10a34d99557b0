"""The log's key is rotated in a workspace: whenever it is cut short, the former key goes on or the new one does."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from receipts.log.signing import Signer, load_key, pem_of
from server.workspace.backups import back_up, restore
from server.workspace.key_rotation import rotate_here
from server.workspace.log_key import held_log_keys, open_log_key
from server.workspace.log_key_rotation import prepare_log_key
from server.workspace.loss import accept_loss
from server.workspace.own_keys import own_keys
from server.workspace.stores import open_store, reading, remembered_head
from server.workspace.workspace import Workspace
from tests.world import ROOT, Sandbox, cli, gateway, make_workspace

REASON = "once a year"


async def run_once(workspace: Workspace, sandbox: Sandbox) -> None:
    async with gateway(workspace, sandbox):
        pass


@pytest.fixture
async def workspace(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    made = make_workspace(tmp_path / "w", sandbox)
    await run_once(made, sandbox)
    return made


def findings(workspace: Workspace, roots: Path | None = None) -> list[str]:
    with reading(workspace) as read:
        return list(audit(read, read_roots(roots or workspace.root / "roots.json"), remembered_head(workspace)))


def state_of(workspace: Workspace) -> list[tuple[str, str]]:
    return [(one.keyid, one.state) for one in own_keys(workspace) if one.kind == "log"]


async def test_the_new_key_takes_the_place_and_the_former_is_kept_beside(
    workspace: Workspace, sandbox: Sandbox, tmp_path: Path
) -> None:
    old_roots = shutil.copy(workspace.root / "roots.json", tmp_path / "old.json")
    first = Signer(open_log_key(workspace)).keyid
    done = await rotate_here(workspace, "lead", REASON)
    assert (done.former, done.keyid) == (first, Signer(open_log_key(workspace)).keyid)
    assert [Signer(key).keyid for key in held_log_keys(workspace)] == [done.keyid]
    kept = workspace.private / f"log-{first}.pem"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert f"`.ailyus/{kept.name}`" in done.following
    assert state_of(workspace) == [(first, "retired"), (done.keyid, "in use")]
    assert set(orjson.loads((workspace.root / "roots.json").read_bytes())["ranges"]) == {first, done.keyid}
    await run_once(workspace, sandbox)  # a gateway starts on it, and adds to it
    assert findings(workspace) == findings(workspace, Path(old_roots)) == []


async def test_killed_at_any_step_one_of_both_keys_goes_on(workspace: Workspace, tmp_path: Path) -> None:
    first, copies = Signer(open_log_key(workspace)).keyid, tmp_path / "copies"
    command = [sys.executable, "-m", "tests.server.workspace.killed_rotation", str(workspace.root), str(copies)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    was_first, left = [], sorted(copies.iterdir(), key=lambda path: int(path.name))
    for copy in map(Workspace.open, left):
        # what a crash left is opened, written to and sound, with one key or the other
        signer, held = Signer(open_log_key(copy)), len(held_log_keys(copy))
        store = await asyncio.to_thread(open_store, copy, signer)
        await store.probe()
        await store.aclose()
        assert findings(copy) == []
        was_first.append(signer.keyid == first)
        # and the same command ends it, or does it, or once it was done rotates to the next key
        again = await rotate_here(copy, "lead", REASON)
        assert [Signer(key).keyid for key in held_log_keys(copy)] == [again.keyid]
        assert again.former == (signer.keyid if held == 1 and not was_first[-1] else first)
        assert (again.record is None) is (held == 2 and not was_first[-1])
    assert was_first == sorted(was_first, reverse=True)
    assert {True, False} == set(was_first)
    assert len(was_first) > 8


async def test_elsewhere_than_in_a_file_people_put_the_new_key_after_the_present_one(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    monkeypatch.setenv("LOG_KEY", pem_of(first).decode())
    workspace = make_workspace(tmp_path / "w", sandbox, extra='\n[log]\nkey = "env:LOG_KEY"\n')
    await run_once(workspace, sandbox)
    with pytest.raises(AilyusError) as caught:
        await rotate_here(workspace, "lead", REASON)
    assert "there is no new key at `env:LOG_KEY`" in caught.value.sentence
    assert "openssl genpkey -algorithm ed25519" in caught.value.hint
    monkeypatch.setenv("LOG_KEY", pem_of(Ed25519PrivateKey.generate()).decode() + pem_of(second).decode())
    with pytest.raises(AilyusError, match="signed by another key"):
        await rotate_here(workspace, "lead", REASON)
    monkeypatch.setenv("LOG_KEY", pem_of(first).decode() + pem_of(second).decode())
    assert [state for _, state in state_of(workspace)] == ["in use", "next"]
    done = await rotate_here(workspace, "lead", REASON)
    assert done.keyid == Signer(second).keyid
    assert "take the former key away from `env:LOG_KEY`" in done.following
    await run_once(workspace, sandbox)  # with both
    monkeypatch.setenv("LOG_KEY", pem_of(second).decode())
    await run_once(workspace, sandbox)  # with the new one
    monkeypatch.setenv("LOG_KEY", pem_of(first).decode())
    with pytest.raises(AilyusError, match=f"signed with the key `{done.keyid}`"):
        await run_once(workspace, sandbox)
    assert findings(workspace) == []


async def test_prepared_it_is_given_to_every_replica_first(workspace: Workspace) -> None:
    first = Signer(open_log_key(workspace)).keyid
    said = cli("key", "rotate", "log", "--as", "lead", "--reason", REASON, "--prepare", "-w", str(workspace.root))
    (present, new) = [Signer(key).keyid for key in held_log_keys(workspace)]
    assert (present, new in said) == (first, True)
    assert Signer(prepare_log_key(workspace, first)).keyid == new  # made once
    assert Signer(open_log_key(workspace)).keyid == first
    said = cli("key", "rotate", "log", "--as", "lead", "--reason", REASON, "-w", str(workspace.root))
    assert f"the log is signed with the key {new} from statement" in said
    assert Signer(open_log_key(workspace)).keyid == new
    said = cli("key", "list", "-w", str(workspace.root))
    assert [line.split()[:3] for line in said.splitlines()[1:3]] == [["log", first, "retired"], ["log", new, "in"]]


def test_who_and_why_are_asked_for(workspace: Workspace) -> None:
    where = ("-w", str(workspace.root))
    assert "is no declared person" in cli(
        "key", "rotate", "log", "--as", "mallory", "--reason", REASON, *where, ok=False
    )
    assert "is no reason" in cli("key", "rotate", "log", "--as", "lead", "--reason", "x", *where, ok=False)


async def test_a_backup_from_before_goes_on_with_the_former_key_and_is_another_log_than_the_roots_say(
    workspace: Workspace, sandbox: Sandbox, tmp_path: Path
) -> None:
    first, backup, roots = Signer(open_log_key(workspace)).keyid, tmp_path / "backup.db", workspace.root / "roots.json"
    await asyncio.to_thread(back_up, workspace, backup)
    await rotate_here(workspace, "lead", REASON)
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (workspace.private / name).unlink(missing_ok=True)
    summary = await asyncio.to_thread(restore, workspace, backup)
    assert summary.backup.keyid == first  # the roots of now still know it
    lead = load_key(workspace.key_file("lead"))
    with pytest.raises(AilyusError, match="signed by another key"):
        await accept_loss(workspace, "lead", lead, "the disk broke")
    shutil.copy(workspace.private / f"log-{first}.pem", workspace.private / "log.pem")
    await accept_loss(workspace, "lead", lead, "the disk broke")
    with pytest.raises(AilyusError, match=r"`roots.json` names another key or origin"):
        await run_once(workspace, sandbox)
    roots.rename(tmp_path / "of the lost log.json")
    await run_once(workspace, sandbox)
    await rotate_here(workspace, "lead", REASON)  # and it is rotated anew
    assert findings(workspace) == []
