"""A back office of one's own, governed by the README's six commands, run as they stand there."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from server.cli.seed import SEEDED
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.journeys.calls import call
from tests.slowness import scaled
from tests.web import web
from tests.world import ROOT, Sandbox, cli, gateway, make_workspace


def commands() -> str:
    """The block of the README's section."""
    section = (ROOT / "README.md").read_text().split("## Govern your own admin API in 15 minutes")[1]
    found = re.search(r"```sh\n(.*?)```", section, re.S)
    assert found is not None
    return found[1]


async def test_the_readmes_six_commands(tmp_path: Path) -> None:
    # as printed but for the port, which somebody else may have
    port = free_port()
    text = commands().replace("8421", str(port))
    lines = re.sub(r"\\\n", " ", text).strip().splitlines()
    assert len(lines) <= 6
    assert lines[-1] == "ailyus serve"
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    before = text.removesuffix("ailyus serve\n")
    done = subprocess.run(
        ["/bin/bash", "-euc", before],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=scaled(120),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
    table = [line.split() for line in done.stdout.splitlines() if line.endswith(" ok")]
    assert len(table) == 10, done.stdout
    root = tmp_path / "office"
    workspace = Workspace.open(root)
    serving = subprocess.Popen(["/bin/bash", "-euc", f"exec {lines[-1]}"], cwd=root, env=env, stdout=subprocess.DEVNULL)
    try:
        token = workspace.token_file(SEEDED)
        end = time.monotonic() + scaled(30)
        while not (workspace.owner_file.exists() and token.exists() and token.read_text().strip()):
            assert time.monotonic() < end, "the gateway did not start"
            time.sleep(0.02)
        url = orjson.loads(workspace.owner_file.read_bytes())["url"]
        given = {"user_id": "u-2", "note": "left", "reason": "Ben has left the company"}
        answer = await call(url, token.read_text().strip(), "lock_user", given)
        assert (answer["status"], answer["changed"]) == ("confirmed", True), answer
        headers = {"authorization": f"Bearer {(workspace.private / 'secrets' / 'backoffice-read').read_text().strip()}"}
        async with web(headers=headers) as http:
            page = await http.get(f"http://127.0.0.1:{port}/acme/backoffice/users/u-2")
            assert "Ben Ode" in page.text
            assert "<strong>locked</strong>" in page.text
            keys = (await http.get(f"http://127.0.0.1:{port}/acme/backoffice/api/users/u-2/keys")).json()
            assert [key["id"] for key in keys["keys"]] == ["k-2"]
    finally:
        serving.terminate()
        serving.wait(timeout=scaled(20))
    assert "lock_user@1" in cli("contract", "list", cwd=root)


@pytest.mark.parametrize("risk", ["medium", "high"])
async def test_a_drafted_action_can_be_approved_after_two_commands(tmp_path: Path, sandbox: Sandbox, risk: str) -> None:
    """`policy new permit` and `policy new require-approval` make an action that somebody can approve, and green tests."""
    workspace = make_workspace(tmp_path / "w", sandbox, template="back-office")
    api = f"http://127.0.0.1:{sandbox.port}/acme/backoffice/api/users/u-2"
    told = ["--summary", "Lock one user.", "--expect", "after.state.status == 'locked'", "--risk", risk]
    lines = ["--write", f"""curl -X POST {api}/lock -d '{{"note": "left"}}'""", "--read", f"curl {api}"]
    resource = ["--name", "lock_user", "--resource", "User=${inputs.user_id}"]
    cli("contract", "draft", "--as", "backoffice", *resource, *lines, *told, cwd=workspace.root)
    said = cli("policy", "new", "permit", "--action", "lock_user", "--role", "Support", cwd=workspace.root)
    assert ("denied until a guard asks" in said) is (risk == "high")
    assert "0 failed" in cli("policy", "test", cwd=workspace.root)
    said = cli("policy", "new", "require-approval", "--action", "lock_user", cwd=workspace.root)
    assert "nobody was permitted to approve it: it permits the role SecurityLead to" in said
    assert "repaired policies/lock-user-permit.test.yaml" in said
    assert "0 failed" in cli("policy", "test", cwd=workspace.root)
    assert cli("policy", "check", "-q", cwd=workspace.root) == ""
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        asked = await world.call("lock_user", {"user_id": "u-2", "note": "left", "reason": "Ben has left the company"})
        assert asked["status"] == "approval_required", asked
        assert await world.approve(asked["action_id"]) == "ready"
        assert (await world.get(asked["action_id"]))["status"] == "confirmed"
