"""A contract that leaves a guard's group is named, at check and at release, and needs `--allow-wider`."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.release_checks import require_sound
from server.workspace.roots import trusted_keys
from server.workspace.settings.file import FILE
from server.workspace.stores import reading
from server.workspace.widening import last_release, wider_than_live
from server.workspace.workspace import Workspace
from tests.forks import Forked
from tests.world import ROOT, Sandbox, World, cli, gateway, make_workspace

SUSPEND = "contracts/okta/suspend_user.yaml"
CHANGES = {
    "risk lowered": (
        SUSPEND,
        ("risk: high", "risk: medium"),
        "the contract `suspend_user` has the risk medium, and had high; these guards hold for it no longer: "
        "high-risk-needs-a-guard, prod-high-needs-lead, vip-needs-two-leads",
    ),
    "tag dropped while another contract keeps it": (
        "contracts/okta/assign_app_user.yaml",
        ("tags: [identity, incident]", "tags: [identity]"),
        "the contract `assign_app_user` has lost the tag incident; these guards hold for it no longer: "
        "large-plans-need-a-lead",
    ),
    "tag added that a permit names": (
        "contracts/okta/assign_app_user.yaml",
        ("tags: [identity, incident]", "tags: [identity, incident, account_access]"),
        "the contract `assign_app_user` has the new tag account_access; these policies permit it now: "
        "support-may-help-accounts",
    ),
    "connection moved": (
        FILE,
        ('kind = "okta"\nbase_url = "http://127.0.0.1:{port}/acme/okta"\ntenant = "acme"\nenvironment = "prod"',
         'kind = "okta"\nbase_url = "http://127.0.0.1:{port}/acme/okta"\ntenant = "acme"\nenvironment = "staging"'),
        "the connection `okta` is in `staging`, and was in `prod`; these guards hold for it no longer: "
        "no-writes-in-a-change-freeze, prod-high-needs-lead",
    ),
}  # fmt: skip


@pytest.fixture
def released(tmp_path: Path, sandbox: Sandbox) -> Path:
    """A workspace whose first release is in its store."""

    async def once() -> None:
        async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox):
            pass

    asyncio.run(once())
    return tmp_path / "w"


def change(root: Path, name: str) -> None:
    file, (old, new), _ = CHANGES[name]
    sandbox = str(Workspace.open(root).settings.connections["okta"].base_url).split(":")[2].split("/")[0]
    old, new = old.replace("{port}", sandbox), new.replace("{port}", sandbox)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("name", CHANGES)
def test_what_widens_is_named_and_refused(released: Path, name: str) -> None:
    assert checked(released) == []
    change(released, name)
    with pytest.raises(AilyusError) as caught:
        checked(released)
    assert caught.value.code == "wider"
    assert CHANGES[name][2] in caught.value.sentence
    assert "--allow-wider" in caught.value.hint
    assert checked(released, allow_wider=True) == ["wider: " + CHANGES[name][2]]


def checked(root: Path, allow_wider: bool = False) -> list[str]:
    workspace = Workspace.open(root)
    return require_sound(workspace, workspace.release(), allow_wider)


def test_neither_check_nor_serve_takes_it(released: Path) -> None:
    change(released, "risk lowered")
    for command in (("policy", "check"), ("contract", "check"), ("serve", "--port", "0")):
        assert CHANGES["risk lowered"][2] in cli(*command, cwd=released, ok=False)
    assert CHANGES["risk lowered"][2] in cli("contract", "check", "--allow-wider", cwd=released)


def test_what_narrows_or_is_new_is_not_wider(released: Path) -> None:
    path = released / SUSPEND
    path.write_text(path.read_text().replace("risk: high", "risk: critical"))
    copy = (released / "contracts/okta/unlock_user.yaml").read_text()
    (released / "contracts/okta/unlock_again.yaml").write_text(
        copy.replace("contract: unlock_user", "contract: unlock_again")
    )
    assert checked(released) == []


def test_a_tag_that_no_guard_names_can_go(released: Path) -> None:
    path = released / "contracts/okta/unlock_user.yaml"
    assert "account_access" in path.read_text()
    path.write_text(path.read_text().replace("account_access", "something"))
    assert checked(released) == []


async def test_once_released_it_is_the_release_that_the_next_is_compared_with(world: World) -> None:
    change(world.workspace.root, "risk lowered")
    workspace = Workspace.open(world.workspace.root)
    release = await asyncio.to_thread(workspace.release)
    assert [w.lost for w in wider_than_live(workspace, release)]
    await world.app.replace(release)
    assert wider_than_live(workspace, release) == ()
    keys = trusted_keys(workspace)
    with reading(workspace) as read:
        assert last_release(read, keys).contracts["suspend_user"].risk == "medium"
        assert last_release(read, keys).connections["okta"].environment == "prod"


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE evidence SET data = CAST(replace(data, \'"risk":"high"\', \'"risk":"medium"\') AS BLOB)'
        " WHERE label = 'contract/suspend_user'",
        "DELETE FROM evidence WHERE label = 'contract/suspend_user'",
        "DELETE FROM evidence WHERE label = 'connections'",
    ],
)
def test_rows_that_nobody_signed_are_not_what_was_released(released: Path, statement: str) -> None:
    change(released, "risk lowered")
    with sqlite3.connect(released / ".ailyus/store.db") as connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()
    with pytest.raises(AilyusError, match=r"evidence `.*` of the last release is missing or was changed") as caught:
        checked(released)
    assert caught.value.code == "store_corrupt"


def test_whoever_checks_needs_no_passphrase(released: Path) -> None:
    change(released, "risk lowered")
    (released / ".ailyus/log.pem").unlink()
    with pytest.raises(AilyusError, match="has the risk medium, and had high"):
        checked(released)


def test_serve_releases_it_when_it_is_allowed(released: Path) -> None:
    change(released, "risk lowered")
    workspace = Workspace.open(released)
    with (workspace.private / "serve.log").open("ab") as log:
        process = Forked(("serve", "-w", str(released), "--port", "0", "--allow-wider"), ROOT, log, log)
    try:
        end = time.monotonic() + 60
        while "the console is at" not in (said := (workspace.private / "serve.log").read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait(timeout=60)
    assert "wider: " + CHANGES["risk lowered"][2] in said
    assert "okta: in `prod` of `acme` these guards hold" in said
    assert "wider" not in cli("contract", "check", cwd=released)
