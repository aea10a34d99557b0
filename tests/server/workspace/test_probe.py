"""`doctor` and `serve` say which connection cannot be used, before anybody calls a tool."""

import asyncio
from pathlib import Path

import orjson

from server.workspace.free_port import free_port
from server.workspace.settings.file import FILE
from tests.world import Sandbox, Served, World, cli, make_workspace


async def doctor(world: World, *, ok: bool) -> dict[str, dict[str, object]]:
    said = await asyncio.to_thread(cli, "doctor", "--format", "json", cwd=world.workspace.root, ok=ok)
    return {finding["layer"]: finding for finding in orjson.loads(said)}


async def test_every_connection_is_asked(world: World) -> None:
    found = await doctor(world, ok=True)
    assert found["connection okta"]["ok"]
    assert "it answered the read `" in str(found["connection okta"]["says"])
    assert "the write credential is not tried" in str(found["connection okta"]["says"])
    assert world.sandbox.writes() == 0


async def test_what_cannot_be_used_is_named_with_what_to_do(world: World) -> None:
    root = world.workspace.root
    secrets = root / ".ailyus" / "secrets"
    (secrets / "okta-read").write_text("a-token-that-was-revoked\n")
    (secrets / "zendesk-write").unlink()
    text = (root / FILE).read_text()
    crm = f"http://127.0.0.1:{world.sandbox.port}/acme/crm"
    assert crm in text
    text = text.replace(crm, f"http://127.0.0.1:{free_port()}/acme/crm")
    (root / FILE).write_text(
        text + '\n[escalations.nobody]\nwebhook = "http://127.0.0.1:1/x"\nsecret = "env:NOT_SET_HERE"\n'
    )
    world.sandbox.fault("503", "", "integrations", reads=True, times=99)
    found = await doctor(world, ok=False)
    for layer, word, following in (
        ("connection okta", "the target answered 401", "renew the credential"),
        ("connection zendesk", "no usable credential at `file:.ailyus/secrets/zendesk-write`", "write the file"),
        ("connection crm", "could not be read: connecterror", "correct `base_url`"),
        ("connection integrations", "the target answered 503", "look at the system"),
        ("credential escalations.nobody", "no usable credential at `env:NOT_SET_HERE`", "set the environment variable"),
    ):
        assert not found[layer]["ok"], layer
        assert word in str(found[layer]["says"]), found[layer]
        assert following in str(found[layer]["next"]), found[layer]


async def test_serve_warns_and_serves(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    (workspace.private / "secrets" / "okta-read").unlink()
    served = Served(workspace)
    try:
        await asyncio.to_thread(served.start)
        log = workspace.private / "serve.log"
        for _ in range(1500):
            if "connection_unusable" in log.read_text():
                break
            await asyncio.sleep(0.02)
        lines = [orjson.loads(text) for text in log.read_text().splitlines() if "connection_unusable" in text]
        (line,) = [line for line in lines if line["name"] == "okta"]
        assert line["reason"] == "there is no usable credential at `file:.ailyus/secrets/okta-read`"
    finally:
        served.stop()
