"""The adapter of GitHub Actions' secrets: a new key is sealed for the repository, set once, and stands nowhere else."""

import shutil
import tomllib
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey, SealedBox

from adapters.credentials.cache import Credentials
from adapters.plugin import GROUP
from adapters.python.pool import Hosts
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.adapters.plugins import Environment
from tests.slowness import scaled_duration
from tests.world import ROOT, Sandbox, World, gateway, make_workspace

FOLDER = ROOT / "adapters" / "github_secrets"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())
OF_THE_TWIN = PrivateKey(b64decode("eLVPcIDvi59GORgRxw8jfxlc1tsoAeTeEpL5/dCkv48="))
"""The private half of the key that the twin offers."""
WHY = {"reason": "the key is due for its rotation"}
DEPLOY = {"owner": "acme", "repo": "shop", "secret_name": "DEPLOY_TOKEN", **WHY}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment.make(tmp_path_factory.mktemp("environment") / "venv")
    (file,) = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    ((name, place),) = PROJECT["project"]["entry-points"][GROUP].items()
    made.install((FOLDER / file).read_text(), Path(file).stem, PROJECT["project"]["name"], entry=f"{name} = {place}")
    return made


@pytest.fixture
async def hub(environment: Environment, tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A gateway with the adapter before GitHub's twin, and an issuer whose keys may go there."""
    root = tmp_path / "w"
    make_workspace(root, sandbox)
    shutil.copytree(FOLDER / "contracts", root / "contracts" / "github_secrets")
    shutil.copytree(FOLDER / "policies", root / "policies", dirs_exist_ok=True)
    issue = root / "contracts" / "apikeys" / "create_api_key.yaml"
    where = "[update_integration_credential.credential"
    issue.write_text(issue.read_text().replace(where, f"{where}, put_actions_secret.value"))
    text = (FOLDER / "connection.toml").read_text().replace("{digest}", environment.digest())
    text = text.replace("https://api.github.com", f"http://127.0.0.1:{sandbox.port}/acme/github")
    short = f'max_timeout = "{scaled_duration("2s")}"\nmax_settle = "{scaled_duration("500ms")}"\n'
    with (root / FILE).open("a") as file:
        file.write("\n" + text + short)
    for use in ("read", "write"):
        (root / ".ailyus" / "secrets" / f"github-secrets-{use}").write_text(f"github-{use}-acme\n")
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
    done = await hub.approved("put_actions_secret", {**DEPLOY, "value": handle})
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
    answer: dict[str, Any] = await hub.approved("put_actions_secret", {**DEPLOY, "value": handle})
    assert answer["status"] == status, answer
    assert hub.sandbox.state()["acme"]["github"]["sealed"] == {}


async def test_a_repository_that_is_not_there_is_sent_nothing(hub: World) -> None:
    handle = await a_key(hub)
    answer = await hub.approved("put_actions_secret", {**DEPLOY, "repo": "none", "value": handle})
    assert (answer["status"], answer["changed"]) == ("not_applied", False), answer
    assert hub.sandbox.effects("none") == 0


async def test_an_error_before_the_secret_is_set_lets_it_be_set_again(hub: World) -> None:
    handle = await a_key(hub)
    hub.sandbox.fault("503", "public-key", "github", reads=True)
    done = await hub.approved("put_actions_secret", {**DEPLOY, "secret_name": "NEW_TOKEN", "value": handle})
    assert done["status"] == "confirmed", done
    assert kept(hub, "NEW_TOKEN") == secret_of(hub)
    looked = await hub.call("get_actions_secret", {k: v for k, v in DEPLOY.items() if k != "reason"})
    assert looked["data"]["secret"]["exists"] is True
