"""The key that seals secrets comes from where `[store] secrets` says, and is made for a file alone."""

import base64
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.journal.secret_vault import KEY_BYTES
from server.workspace.stores import sealing_key
from server.workspace.workspace import Workspace
from tests.world import Sandbox, gateway, make_workspace

_PROGRAM = """
[store]
secrets = "exec:sealing"
[credentials.exec.sealing]
command = ["cat", ".ailyus/secrets/sealing"]
timeout = "60s"
"""


def with_key(folder: Path, sandbox: Sandbox, text: str) -> Workspace:
    workspace = make_workspace(folder, sandbox, extra=_PROGRAM)
    (workspace.private / "secrets" / "sealing").write_text(text)
    return workspace


async def test_a_key_from_elsewhere_is_used_and_no_file_is_made(tmp_path: Path, sandbox: Sandbox) -> None:
    key = bytes(range(KEY_BYTES))
    workspace = with_key(tmp_path / "w", sandbox, base64.b64encode(key).decode() + "\n")
    assert sealing_key(workspace) == key
    async with gateway(workspace, sandbox):
        assert not (workspace.private / "store.secrets").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no Base64 at all", "the key at `exec:sealing` is no Base64"),
        (base64.b64encode(b"short").decode(), "is no key for sealed secrets"),
        ("", "the program `cat` prints nothing"),
    ],
)
async def test_what_is_no_key_is_refused(tmp_path: Path, sandbox: Sandbox, text: str, sentence: str) -> None:
    workspace = with_key(tmp_path / "w", sandbox, text)
    with pytest.raises(AilyusError, match=sentence):
        async with gateway(workspace, sandbox):
            pass
    assert not (workspace.private / "store.secrets").exists()


def test_without_a_word_it_is_the_file_beside_the_store(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    assert sealing_key(workspace) == workspace.store.with_suffix(".secrets")
    assert not workspace.settings.has_database
