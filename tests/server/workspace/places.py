"""Small workspaces for tests: the contracts of the plain REST store, one policy, three people."""

import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.signed_release import SignedRelease, document_of
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.server.engine import CONTRACTS, PERMIT

SETTINGS = """
origin = "acme.test"
roles = ["Support", "Lead"]
environments = ["prod", "staging"]

[[people]]
name = "ann"
tenant = "acme"
roles = ["Support"]

[[people]]
name = "lead"
tenant = "acme"
roles = ["Lead"]

[connections.records]
kind = "records"
base_url = "http://127.0.0.1:1/acme/records"
tenant = "acme"
environment = "prod"
read = "none"
write = "none"
"""


def workspace_at(folder: Path, policy: str = PERMIT, settings: str = SETTINGS) -> Workspace:
    """A workspace with one contract and this policy."""
    (folder / "policies").mkdir(parents=True)
    (folder / "contracts").mkdir()
    shutil.copy(CONTRACTS / "set_value.yaml", folder / "contracts")
    (folder / "policies" / "test.cedar").write_text(policy + "\n")
    (folder / FILE).write_text(settings)
    return Workspace.open(folder)


def signed_of(workspace: Workspace) -> SignedRelease:
    """A release of the workspace's files, signed by a key of nobody."""
    key = Ed25519PrivateKey.generate()
    document = document_of(workspace.release("lead"), "lead", "the first", 1_000)
    public = key.public_key().public_bytes_raw().hex()
    return SignedRelease(document=document, public=public, signature=key.sign(document.message).hex())
