"""The adapter of GitHub Actions' secrets: a new key is sealed for the repository, set once, and stands nowhere else."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey, SealedBox

from adapters.credentials.cache import Credentials
from adapters.python.pool import Hosts
from server.workspace.workspace import Workspace
from tests.adapters.actions_secrets import DEPLOY, add_it, environment_with_it, fault_table
from tests.adapters.plugins import Environment
from tests.world import Sandbox, World, gateway, make_workspace

OF_THE_TWIN = PrivateKey(b64decode("eLVPcIDvi59GORgRxw8jfxlc1tsoAeTeEpL5/dCkv48="))
"""The private half of the key that the twin offers."""
WHY = {"reason": "the key is due for its rotation"}
ASK = {**DEPLOY, **WHY}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return environment_with_it(tmp_path_factory.mktemp("environment") / "venv")


@pytest.fixture
async def hub(environment: Environment, tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A gateway with the adapter before GitHub's twin, and an issuer whose keys may go there."""
    root = tmp_path / "w"
    make_workspace(root, sandbox)
    add_it(environment, root, sandbox.port)
    issue = root / "contracts" / "apikeys" / "create_api_key.yaml"
    where = "[update_integration_credential.credential"
    issue.write_text(issue.read_text().replace(where, f"{where}, put_actions_secret.value"))
    assert "0 failed" in environment.cli("policy", "test", cwd=root)
    workspace = Workspace.open(root)
    async with gateway(workspace, sandbox, Hosts(Credentials(root), environment.python)) as world:
        yield world


async def a_key(world: World) -> str:
    made = await world.approved("create_api_key", {"account_name": "slack-alerts", **WHY})
    assert made["status"] == "confirmed", made
    return str(made["outputs"]["api_key"])


def kept(world: World, name: str = "DEPLOY_TOKEN") -> str:
    """What the twin was sent, opened with its private key."""
    box = world.sandbox.state()["acme"]["github"]["sealed"][f"acme/shop/{name}"]
    return SealedBox(OF_THE_TWIN).decrypt(b64decode(box)).decode()


def secret_of(world: World) -> str:
    """The newest secret that the issuer made."""
    return str(world.sandbox._client.get("/secrets").json()[-1])


async def test_a_new_key_is_sealed_and_set_once_though_the_answer_is_lost(hub: World) -> None:
    handle = await a_key(hub)
    hub.sandbox.fault("lost_reply", "DEPLOY_TOKEN", "github")
    done = await hub.approved("put_actions_secret", {**ASK, "value": handle})
    assert done["status"] == "confirmed", done
    assert kept(hub) == secret_of(hub)
    assert hub.sandbox.effects("DEPLOY_TOKEN") == 1
    secret = secret_of(hub).encode()
    files = [p for p in hub.workspace.root.rglob("*") if p.is_file() and secret in p.read_bytes()]
    assert files == []


@pytest.mark.parametrize(("fault", "status"), [("refuse", "not_applied"), ("lying_200", "not_applied")])
async def test_what_was_not_set_is_never_called_set(hub: World, fault: str, status: str) -> None:
    handle = await a_key(hub)
    hub.sandbox.fault(fault, "DEPLOY_TOKEN", "github", times=9)
    answer: dict[str, Any] = await hub.approved("put_actions_secret", {**ASK, "value": handle})
    assert answer["status"] == status, answer
    assert hub.sandbox.state()["acme"]["github"]["sealed"] == {}


async def test_a_repository_that_is_not_there_is_sent_nothing(hub: World) -> None:
    handle = await a_key(hub)
    answer = await hub.approved("put_actions_secret", {**ASK, "repo": "none", "value": handle})
    assert (answer["status"], answer["changed"]) == ("not_applied", False), answer
    assert hub.sandbox.effects("none") == 0


async def test_an_error_before_the_secret_is_set_lets_it_be_set_again(hub: World) -> None:
    handle = await a_key(hub)
    hub.sandbox.fault("503", "public-key", "github", reads=True)
    done = await hub.approved("put_actions_secret", {**ASK, "secret_name": "NEW_TOKEN", "value": handle})
    assert done["status"] == "confirmed", done
    assert kept(hub, "NEW_TOKEN") == secret_of(hub)
    looked = await hub.call("get_actions_secret", dict(DEPLOY))
    assert looked["data"]["secret"]["exists"] is True


def test_with_a_handle_it_bears_a_lost_reply(environment: Environment, tmp_path: Path) -> None:
    """All ten faults: `python -m tests.library put_actions_secret`."""
    rows = fault_table(environment, tmp_path / "w", ("lost reply",))
    assert [(row.fault, row.status, row.effects, row.wrong) for row in rows] == [
        ("none", "confirmed", 1, ""),
        ("lost reply", "confirmed", 1, ""),
    ]
