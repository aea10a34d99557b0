"""The key of the log: never made anew beside a log, protected where it is said, and named by one `roots.json`."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.audit.roots import Roots
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Signer, create_key, is_encrypted
from server.app import App
from server.workspace.log_key import open_log_key
from server.workspace.workspace import Workspace
from tests.postgres import Postgres
from tests.vault import vault_double
from tests.world import FILE, Sandbox, gateway, make_workspace


async def run_once(workspace: Workspace, sandbox: Sandbox) -> None:
    async with gateway(workspace, sandbox):
        pass


def refused(workspace: Workspace) -> str:
    with pytest.raises(AilyusError) as caught:
        App(workspace, workspace.release())
    assert caught.value.code == "bad_settings"
    return caught.value.sentence


async def test_a_log_without_its_key_is_not_continued(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    await run_once(workspace, sandbox)
    roots = (workspace.root / "roots.json").read_bytes()
    (workspace.private / "log.pem").unlink()
    assert "`roots.json` names the one" in refused(workspace)
    (workspace.root / "roots.json").unlink()
    assert "remembers a log" in refused(workspace)
    (workspace.private / "store.db.head").unlink()
    assert "the store holds a log" in refused(workspace)
    assert not (workspace.private / "log.pem").exists()
    (workspace.root / "roots.json").write_bytes(roots)


async def test_a_database_without_its_key_is_not_continued(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=postgres.database("keyless"))
    await run_once(workspace, sandbox)
    (workspace.private / "log.pem").unlink()
    (workspace.root / "roots.json").unlink()
    assert "the store holds a log" in refused(workspace)


async def test_the_trusted_roots_are_never_overwritten(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    await run_once(workspace, sandbox)
    path = workspace.root / "roots.json"
    before = path.read_bytes()
    await run_once(workspace, sandbox)
    assert path.read_bytes() == before
    stranger = Signer(Ed25519PrivateKey.generate())
    path.write_bytes(Roots.of(workspace.settings.origin, LogKeys.of(stranger)).encoded())
    assert "names another key" in refused(workspace)
    path.write_bytes(before)
    (workspace.private / "log.pem").unlink()
    create_key(workspace.private / "log.pem")
    assert "signed by another key" in refused(workspace)
    path.write_text("nonsense")
    with pytest.raises(AilyusError) as caught:
        App(workspace, workspace.release())
    assert caught.value.code in ("bad_proof", "bad_settings")
    assert path.read_text() == "nonsense"


async def test_the_key_is_protected_by_a_passphrase_or_elsewhere(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra='\n[log]\npassphrase = "env:LOG_PASSPHRASE"\n')
    with pytest.raises(AilyusError, match="no usable credential"):
        open_log_key(workspace)
    monkeypatch.setenv("LOG_PASSPHRASE", "correct horse battery")
    await run_once(workspace, sandbox)
    path = workspace.private / "log.pem"
    assert is_encrypted(path)
    own = Signer(open_log_key(workspace)).keyid
    monkeypatch.setenv("LOG_PASSPHRASE", "another")
    assert "cannot be used" in refused(workspace)
    monkeypatch.setenv("LOG_PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("LOG_KEY", path.read_text())
    toml = workspace.root / FILE
    toml.write_text(toml.read_text().replace("[log]\n", '[log]\nkey = "env:LOG_KEY"\n'))
    os.replace(path, tmp_path / "elsewhere.pem")
    assert Signer(open_log_key(Workspace.open(workspace.root))).keyid == own
    monkeypatch.delenv("LOG_KEY")
    assert "cannot be used" in refused(Workspace.open(workspace.root))


@pytest.mark.parametrize("kind", ["exec", "vault"])
async def test_the_key_comes_from_a_program_or_from_vault_and_is_made_in_neither(
    tmp_path: Path, sandbox: Sandbox, kind: str
) -> None:
    create_key(tmp_path / "elsewhere.pem", b"correct horse battery")
    with vault_double() as vault:
        vault.tokens.add("hvs.root")
        vault.secrets = {
            "secret/log": {"key": (tmp_path / "elsewhere.pem").read_text(), "pass": "correct horse battery"}
        }
        references = {"exec": ("exec:key", "exec:pass"), "vault": ("vault:secret/log#key", "vault:secret/log#pass")}[
            kind
        ]
        extra = f"""
[log]
key = "{references[0]}"
passphrase = "{references[1]}"
[credentials.exec]
key = {{command = ["cat", "{tmp_path / "elsewhere.pem"}"], timeout = "60s"}}
pass = {{command = ["echo", "correct horse battery"], timeout = "60s"}}
[credentials.vault]
address = "{vault.address}"
token = "file:.ailyus/secrets/vault"
"""
        workspace = make_workspace(tmp_path / "w", sandbox, extra=extra)
        (workspace.private / "secrets" / "vault").write_text("hvs.root")
        await run_once(workspace, sandbox)
        assert not (workspace.private / "log.pem").exists()
        (tmp_path / "elsewhere.pem").unlink()
        vault.secrets.clear()
        with pytest.raises(AilyusError, match="there is no usable credential at"):
            open_log_key(workspace)
        assert not (workspace.private / "log.pem").exists()
