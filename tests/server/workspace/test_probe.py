"""`doctor` and `serve` say which connection cannot be used, before anybody calls a tool."""

import asyncio
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.workspace.free_port import free_port
from server.workspace.probe import probe, probe_check
from server.workspace.settings.file import FILE
from tests.adapters.oauth.clients import client_of, target_of
from tests.token_endpoint import token_endpoint
from tests.world import Sandbox, Served, World, app_serving, cli, make_workspace


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


@pytest.mark.parametrize(
    ("status", "grant", "ok", "following"),
    [
        (200, "", True, ""),
        (403, "", False, "renew the credential that `read` names"),
        (
            403,
            "client_credentials",
            False,
            "are the `read_scopes` of [connections.crm.oauth2] those that the read needs",
        ),
        (401, "authorization_code", False, "connect it anew: `ailyus connection sign-in crm`"),
        (500, "", False, "correct `check`, or look at the system itself"),
    ],
)
async def test_the_declared_check_says_whether_a_connection_can_be_used(
    tmp_path: Path, status: int, grant: str, ok: bool, following: str
) -> None:
    async def check(request: Request) -> Response:
        return Response(status_code=status)

    async with token_endpoint() as endpoint:
        port = free_port()
        client = client_of(endpoint, grant=grant) if grant else None
        target = replace(
            target_of(client_of(endpoint)), base_url=f"http://127.0.0.1:{port}", check="/me", oauth2=client
        )
        async with app_serving(Starlette(routes=[Route("/me", check)]), port):
            found, answer = await probe_check(target, "a-token")
    assert (found.ok, answer is not None) == (ok, ok)
    assert found.next.startswith(following)
    assert f"it answered `/me` with {status}" in found.says


async def test_what_lacks_for_reading_and_writing_is_said_once(tmp_path: Path, sandbox: Sandbox) -> None:
    text = """
[connections.desk]
kind = "records"
base_url = "http://127.0.0.1:9/api"
tenant = "acme"
environment = "staging"
auth = "oauth2"
[connections.desk.oauth2]
grant = "client_credentials"
token_url = "http://127.0.0.1:9/token"
client_id = "desk"
client_secret = "file:.ailyus/secrets/desk-client"
"""
    workspace = make_workspace(tmp_path / "w", sandbox, extra=text)
    (found,) = [one for one in await probe(workspace, workspace.release()) if one.name == "desk"]
    assert found.says.count("no_client_secret") == 1
    assert "there is no usable secret where `client_secret` refers to" in found.says
    assert found.next.startswith("write the file or set the variable that `client_secret` refers to")


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
