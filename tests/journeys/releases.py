"""Workspaces that people release: with keys that have a passphrase, signed releases, and gateways that start by them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.principal import KeyKind
from policies.signed_release import SignedRelease, document_of, sign_release
from receipts.log.signing import Signer, create_key, load_key
from server.app import App
from server.approvals.keys import NewKey, link_new
from server.gateway_process import running
from server.workspace.log_key import open_log_key
from server.workspace.releases import Start, begin, now_ms
from server.workspace.workspace import Workspace
from tests.world import FILE, ROOT, Sandbox, make_workspace

SECOND = '\n[[people]]\nname = "second"\ntenant = "acme"\nroles = ["SecurityLead"]\n'
GUARD = "policies/approvals.cedar"
EXTRA = '@id("never-at-nowhere")\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\n'


def production(folder: Path, sandbox: Sandbox) -> Workspace:
    """A workspace that is not for development, with keys that have a passphrase."""
    workspace = make_workspace(folder, sandbox, extra=SECOND)
    edit(workspace, FILE, "development = true", "development = false")
    for person in ("requester", "lead", "second"):
        workspace.key_file(person).unlink(missing_ok=True)
        create_key(workspace.key_file(person), b"correct horse battery")
    return Workspace.open(folder)


def guarded(folder: Path, sandbox: Sandbox) -> Workspace:
    """The same, with the bundled policies about releases."""
    production(folder, sandbox)
    add_policies(folder)
    return Workspace.open(folder)


def add_policies(folder: Path) -> None:
    for name in ("release.cedar", "release.test.yaml"):
        (folder / "policies" / name).write_text((ROOT / "policies" / "library" / name).read_text())


def widen(workspace: Workspace) -> None:
    """A change that lets more through: an approval may be one second older."""
    edit(workspace, GUARD, "<= 900", "<= 901")
    edit(workspace, "policies/approvals.test.yaml", "oldest_seconds: 901", "oldest_seconds: 902")


def edit(workspace: Workspace, file: str, old: str, new: str) -> None:
    path = workspace.root / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def signed(workspace: Workspace, author: str, by: str | None = None, at_ms: int = 0) -> SignedRelease:
    passphrase = None if workspace.settings.development else b"correct horse battery"
    key = load_key(workspace.key_file(by or author), passphrase)
    return sign_release(document_of(workspace.release(author), author, "a test", at_ms or now_ms()), key)


def begun(workspace: Workspace) -> Start:
    return begin(workspace, Signer(open_log_key(workspace)))


async def start(workspace: Workspace, word: SignedRelease | None = None, author: str | None = "lead") -> None:
    async with started(workspace, word, author):
        pass


@asynccontextmanager
async def started(
    workspace: Workspace, word: SignedRelease | None = None, author: str | None = "lead"
) -> AsyncIterator[App]:
    app = App(workspace, workspace.release(author), signed=word)
    async with running(app, 0):
        yield app


async def refused(workspace: Workspace, word: SignedRelease | None, author: str | None = "lead") -> str:
    with pytest.raises(AilyusError) as caught:
        await start(workspace, word, author)
    return caught.value.code


async def link(workspace: Workspace, app: App, person: str, kind: KeyKind = "file") -> None:
    public = load_key(workspace.key_file(person), b"correct horse battery").public_key().public_bytes_raw().hex()
    await link_new(app.runner, NewKey(public=public, person=person, kind=kind))
