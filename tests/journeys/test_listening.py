"""A gateway where others reach it: with TLS of its own, behind a real nginx with a path before it, at a Unix socket."""

import asyncio
import html
import os
import re
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from cryptography import x509
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from adapters.tls import no_trust
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.activation import handing_over
from tests.certificates import authority, public_key_hash
from tests.console.people import Person, browsing
from tests.identity.issuer import PEOPLE, Issuer
from tests.nginx import proxying
from tests.until import until
from tests.web import web
from tests.world import (
    COMMAND,
    MARIA,
    ROOT,
    Sandbox,
    World,
    ailyus,
    app_serving,
    cli,
    gateway,
    make_workspace,
    with_server,
)

FIND = {"email": "maria@example.com"}
TLS = 'certificate = "tls/cert.pem"\nkey = "tls/key.pem"'
MODES = ["auto", "legacy"]  # 2026-07-28, and the era of the handshake
BASE = "/ailyus"
PASSED_ON = """
location /ailyus/ {{
  proxy_pass http://127.0.0.1:{port};
  proxy_set_header Host $http_host;
  proxy_set_header Forwarded 'for=$remote_addr;proto=https;host="$http_host"';
}}
location /.well-known/oauth-protected-resource/ailyus/ {{
  proxy_pass http://127.0.0.1:{port};
  proxy_set_header Host $http_host;
}}
"""
"""A proxy that leaves the path as it is and speaks RFC 7239."""
TAKEN_AWAY = """
location /ailyus/ {{
  proxy_pass http://127.0.0.1:{port}/;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto https;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header Forwarded "";
}}
location /.well-known/oauth-protected-resource/ailyus/ {{
  proxy_pass http://127.0.0.1:{port};
}}
"""
"""A proxy that takes the prefix away, and names itself in the Host header, as nginx does unless it is told otherwise."""


@dataclass
class Behind:
    """A gateway behind a proxy, at `https://localhost:PORT/ailyus`."""

    world: World
    issuer: Issuer
    base: str
    certificate: x509.Certificate


@asynccontextmanager
async def proxied(folder: Path, sandbox: Sandbox, nginx: Path, locations: str) -> AsyncIterator[Behind]:
    inner, outer, issuer = free_port(), free_port(), Issuer(free_port())
    lines = f"""
base_path = "{BASE}"
hosts = ["localhost:{outer}"]
forwarded = ["127.0.0.1"]
tls_terminated_by = ["127.0.0.1"]
"""
    people = PEOPLE.format(url=issuer.url, resource="").replace('resource = ""\n', "")
    workspace = with_server(make_workspace(folder / "w", sandbox), lines, people)
    (folder / "nginx").mkdir()
    with proxying(nginx, folder / "nginx", authority(), locations.format(port=inner), outer) as proxy:
        certificate = x509.load_pem_x509_certificate((folder / "nginx" / "cert.pem").read_bytes())
        async with app_serving(issuer.app(), issuer.port), gateway(workspace, sandbox, port=inner) as world:
            world.tls = authority().client()
            yield Behind(world, issuer, f"{proxy.origin}{BASE}", certificate)


@pytest.fixture(params=[PASSED_ON, TAKEN_AWAY], ids=["passed on", "taken away"])
async def behind(
    tmp_path: Path, sandbox: Sandbox, nginx: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Behind]:
    async with proxied(tmp_path, sandbox, nginx, request.param) as found:
        yield found


def trusting(**how: Any) -> httpx2.AsyncClient:
    return web(verify=authority().client(), **how)


async def test_clients_of_both_eras_call_through_the_proxy(behind: Behind) -> None:
    world = behind.world
    assert world.url == f"{behind.base}/mcp"
    for mode in MODES:
        async with world.client(mode=mode) as client:
            assert "reset_user_mfa" in {tool.name for tool in (await client.list_tools()).tools}
            found = await client.call_tool("find_user", FIND)
            assert found.structured_content is not None
            assert found.structured_content["status"] == "confirmed"
    asked = await world.call("reset_user_mfa", MARIA)
    assert asked["approval"]["url"] == f"{behind.base}/approvals/{asked['action_id']}"


async def test_metadata_and_tokens_name_the_public_address(behind: Behind) -> None:
    issuer = behind.issuer
    async with trusting(timeout=20) as http:
        for slash in ("", "/"):
            resource = f"{behind.base}/mcp{slash}"
            refused = await http.post(resource, json={})
            assert refused.status_code == 401
            located = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
            assert located is not None
            origin = behind.base.removesuffix(BASE)
            inserted = f"{origin}/.well-known/oauth-protected-resource{BASE}/mcp{slash}"
            for place in (
                located[1],
                inserted,
            ):  # RFC 9728: where the challenge leads, and what section 3.1 makes of it
                said = (await http.get(place)).json()
                assert (said["resource"], said["authorization_servers"]) == (resource, [issuer.url]), place
            token = issuer.token(aud=resource)
            assert (await behind.world.call("find_user", FIND, token))["status"] == "confirmed"
        other = issuer.token(aud=f"{behind.base}/other")
        headers = {"authorization": f"Bearer {other}"}
        assert (await http.post(f"{behind.base}/mcp", json={}, headers=headers)).status_code == 401


async def test_hosts_and_origins_are_still_checked(behind: Behind) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"authorization": f"Bearer {behind.world.token}", "accept": "application/json, text/event-stream"}
    async with trusting(timeout=20) as http:
        assert (await http.post(f"{behind.base}/mcp", json=body, headers=headers)).status_code == 200
        assert (await http.get(f"{behind.base}/sign-in")).status_code == 200
        for path in ("/mcp", "/sign-in"):
            send = http.post if path == "/mcp" else http.get
            elsewhere = await send(behind.base + path, headers={**headers, "host": "evil.example"})
            assert elsewhere.status_code == 421, path
        page = {**headers, "origin": "https://evil.example"}
        assert (await http.post(f"{behind.base}/mcp", json=body, headers=page)).status_code == 403
        form = {"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example"}
        assert (await http.post(f"{behind.base}/sign-in", content="a=b", headers=form)).status_code == 403


LINKED = re.compile(r'\b(href|src|action|data-proof|data-roots)="([^"]*)"')


async def crawled(person: Person, base: str) -> set[str]:
    """Every page that links lead to, from the home page on; each link but a ticket's is one of this console, and each is there."""
    seen: set[str] = set()
    ahead = [f"{BASE}/"]
    async with trusting(headers=await person.cookies(), timeout=20) as http:
        while ahead:
            path = ahead.pop()
            if path in seen:
                continue
            seen.add(path)
            answer = await http.get(base.removesuffix(BASE) + path)
            assert answer.status_code == 200, path
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            found = [(kind, html.unescape(link).partition("#")[0]) for kind, link in LINKED.findall(answer.text)]
            # a ticket stands in its own system
            found = [(kind, link) for kind, link in found if "/zendesk/agent/tickets/" not in link]
            assert [link for _, link in found if link and not link.startswith(f"{BASE}/")] == [], path
            ahead += [link for kind, link in found if link and kind != "action" and len(seen) < 80]
    return seen


async def test_people_sign_in_decide_and_watch_through_the_proxy(behind: Behind, browser_part: str) -> None:
    """A real browser with a passkey; the proxy's certificate is trusted by its key."""
    world, trust = behind.world, f"--ignore-certificate-errors-spki-list={public_key_hash(behind.certificate)}"
    async with browsing(world, trust) as people:
        lead = await people.person("lead", ready=False)
        await lead.enrol()
        await lead.sign_in()
        assert lead.page.url == f"{behind.base}/"
        assert "Nothing waits" in await lead.text()
        asked = await world.call("reset_user_mfa", MARIA)
        # the event stream told the page that something waits
        await lead.page.get_by_role("link", name=re.compile("MFA factor")).wait_for()
        await lead.page.goto(asked["approval"]["url"])
        await lead.press("approve with a passkey")
        done = await world.get(asked["action_id"])
        assert done["status"] == "confirmed", done
        await lead.go(f"/receipts/{done['receipt_id']}/verify")
        await lead.page.get_by_role("button", name="verify").click()
        await lead.page.get_by_text("Authentic").first.wait_for()
        pages = await crawled(lead, behind.base)
        assert {f"{BASE}/{name}" for name in ("contracts", "people", "agents", "static/console.js", "roots")} <= pages
        await lead.press("sign out")
        assert lead.page.url == f"{behind.base}/sign-in"
        await lead.go("/agents")
        assert lead.page.url == f"{behind.base}/sign-in?to=/agents"
        assert people.complaints() == []


@asynccontextmanager
async def with_tls(folder: Path, sandbox: Sandbox, lines: str = "") -> AsyncIterator[World]:
    workspace = with_server(make_workspace(folder, sandbox), f"{TLS}\n{lines}")
    authority().write(workspace.root / "tls")
    async with gateway(workspace, sandbox) as world:
        world.tls = authority().client()
        yield world


async def test_a_gateway_with_tls_of_its_own_on_every_address(tmp_path: Path, sandbox: Sandbox) -> None:
    async with with_tls(tmp_path / "w", sandbox, 'host = "0.0.0.0"\nhosts = ["localhost:*"]') as world:
        assert re.fullmatch(r"https://localhost:\d+/mcp", world.url)
        for mode in MODES:
            async with world.client(mode=mode) as client:
                found = await client.call_tool("find_user", FIND)
                assert found.structured_content is not None
                assert found.structured_content["status"] == "confirmed"
        asked = await world.call("reset_user_mfa", MARIA)
        base = world.url.removesuffix("/mcp")
        assert asked["approval"]["url"] == f"{base}/approvals/{asked['action_id']}"
        port = int(base.rpartition(":")[2])
        async with web() as plain:
            with pytest.raises(httpx2.TransportError):
                await plain.get(f"http://127.0.0.1:{port}/livez")
        async with trusting() as http:
            assert (await http.get(f"{base}/readyz")).status_code == 200
            # the certificate of the files is exchanged while the gateway runs
            before = await shown(port)
            new = authority().write(world.workspace.root / "tls").serial_number
            while (now := await shown(port)) == before:
                await asyncio.sleep(0.05)
            assert now == new
            (world.workspace.root / "tls" / "key.pem").write_text("nonsense")
            said = ""
            while "the last good one is served" not in said:
                answer = await http.get(f"{base}/readyz")
                said, status = answer.text, answer.status_code
            assert status == 200  # nothing is worse for those who come
            assert await shown(port) == new


async def shown(port: int) -> int:
    """The serial number of the certificate that a new client is shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority().client(), server_hostname="localhost")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).serial_number


def bridge(workspace: Workspace) -> StdioServerParameters:
    arguments = [*COMMAND[1:], "stdio", "-w", str(workspace.root)]
    return StdioServerParameters(
        command=COMMAND[0], args=arguments, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    )


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the SDK's stdio client leaves pipes to the collector
@pytest.mark.parametrize("lines", [TLS, 'socket = "ailyus.sock"', f'{TLS}\nhost = "0.0.0.0"\nhosts = ["far.example"]'])
async def test_the_bridge_of_this_machine_finds_the_gateway(tmp_path: Path, sandbox: Sandbox, lines: str) -> None:
    workspace = with_server(make_workspace(tmp_path / "w", sandbox), lines)
    authority().write(workspace.root / "tls", names=("far.example",))  # a name that does not lead here
    async with gateway(workspace, sandbox):
        async with Client(bridge(workspace), mode="legacy") as client:
            found = await client.call_tool("find_user", FIND)
            assert found.structured_content is not None
            assert found.structured_content["status"] == "confirmed"
        # a gateway that shows another certificate than the file's is not the one that is meant
        if TLS in lines:
            authority().write(workspace.root / "other", names=("far.example",))
            (workspace.root / "tls" / "cert.pem").write_bytes((workspace.root / "other" / "cert.pem").read_bytes())
            said = await asyncio.to_thread(refused_by, workspace)
            assert "the gateway does not answer" in said


def refused_by(workspace: Workspace) -> str:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    done = subprocess.run(
        [*COMMAND, "stdio", "-w", str(workspace.root)], input=orjson.dumps(call) + b"\n", capture_output=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}, timeout=120,
    )  # fmt: skip
    return done.stdout.decode()


async def test_a_client_at_the_unix_socket(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = with_server(make_workspace(tmp_path / "w", sandbox), 'socket = "ailyus.sock"')
    async with gateway(workspace, sandbox) as world:
        path = str(workspace.root / "ailyus.sock")
        transport = httpx2.AsyncHTTPTransport(verify=no_trust(), uds=path)
        headers = {"authorization": f"Bearer {world.token}"}
        for mode in MODES:
            async with (
                httpx2.AsyncClient(transport=transport, headers=headers, timeout=60) as http,
                Client(streamable_http_client("http://localhost/mcp", http_client=http), mode=mode) as client,
            ):
                found = await client.call_tool("find_user", FIND)
                assert found.structured_content is not None
                assert found.structured_content["status"] == "confirmed"
            transport = httpx2.AsyncHTTPTransport(verify=no_trust(), uds=path)
        async with httpx2.AsyncClient(transport=transport, timeout=60) as http:
            assert (await http.get("http://anything/readyz")).status_code == 200
            assert (await http.post("http://evil.example/mcp", json={})).status_code == 421
    assert not Path(path).exists()


async def test_a_gateway_that_is_started_by_its_socket(tmp_path: Path, sandbox: Sandbox) -> None:
    """As `ailyus.socket` and `ailyus.service` of systemd do it: the socket is there before the gateway is."""
    workspace = make_workspace(tmp_path / "w", sandbox)
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "log").open("wb") as log:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            handing_over([listening], [*COMMAND, "serve", "-w", str(workspace.root)]),
            pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        try:
            async with web(timeout=60) as http:  # it waits in the socket's queue until the gateway takes it
                assert (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
            log_file = tmp_path / "log"
            await until(lambda: "the console is at" in log_file.read_text(), 30)
            assert f"at http://127.0.0.1:{port}/mcp" in log_file.read_text()
            process.terminate()
            assert await asyncio.to_thread(process.wait, 60) == 0, log_file.read_text()
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("way", ["settings", "handed over"])
async def test_plain_http_off_loopback_is_refused_by_serve(tmp_path: Path, sandbox: Sandbox, way: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    if way == "settings":
        workspace = with_server(workspace, 'host = "0.0.0.0"')
        said = await asyncio.to_thread(cli, "serve", "-w", str(workspace.root), ok=False)
    else:
        with socket.create_server(("0.0.0.0", 0)) as listening:
            done = await asyncio.to_thread(
                subprocess.run,
                handing_over([listening], [*COMMAND, "serve", "-w", str(workspace.root)]),
                pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT,
                env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}, timeout=120,
            )  # fmt: skip
            assert done.returncode == 1
            said = done.stderr
    assert "error: other machines reach `0.0.0.0`, and plain HTTP is not served there" in said
    assert "`certificate` and `key`" in said
    assert "`tls_terminated_by = [" in said


async def test_doctor_looks_from_outside(behind: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_bytes(authority().pem)
    command = [*COMMAND, "doctor", "--url", behind.base]

    def run(*more: str, trusted: bool = True, url: str = behind.base) -> subprocess.CompletedProcess[str]:
        env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
        env |= {"SSL_CERT_FILE": str(tmp_path / "ca.pem")} if trusted else {}
        line = [*command[:-1], url, *more]
        return subprocess.run(line, capture_output=True, text=True, check=False, env=env, cwd=tmp_path, timeout=120)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("OK   livez", "OK   readyz store", "OK   mcp", "OK   oauth", "OK   console"):
        assert line in done.stdout, done.stdout
    assert "FAIL" not in done.stdout
    untrusted = await asyncio.to_thread(run, trusted=False)
    assert untrusted.returncode == 1
    assert "its certificate is not trusted" in untrusted.stdout
    elsewhere = await asyncio.to_thread(run, url=behind.base.removesuffix(BASE))
    assert elsewhere.returncode == 1
    assert "with its base path" in elsewhere.stdout
    named = await asyncio.to_thread(run, url=behind.base.replace("localhost", "127.0.0.1"))
    assert "FAIL mcp" in named.stdout
    assert "under `hosts` of [server]" in named.stdout
    lock = behind.world.workspace.private / "store.db.head"
    lock.write_text("1 " + "0" * 64 + "\n")
    async with trusting() as http:
        while (await http.get(f"{behind.base}/readyz")).status_code == 200:
            await asyncio.sleep(0.02)
    ill = await asyncio.to_thread(run)
    assert "FAIL readyz log: the remembered head is behind the log\n     next: ailyus audit" in ill.stdout


async def test_the_entry_for_a_client_of_another_machine(behind: Behind) -> None:
    said = await ailyus(behind.world, "connect", "http")
    entry = orjson.loads(said[said.index("{") :])["mcpServers"]["ailyus"]
    assert entry == {"type": "http", "url": f"{behind.base}/mcp"}  # who has an issuer needs no token of ours


async def test_the_entry_names_the_port_that_is_served(world: World) -> None:
    said = await ailyus(world, "connect", "http")
    entry = orjson.loads(said[said.index("{") : said.rindex("}") + 1])["mcpServers"]["ailyus"]
    assert entry == {"type": "http", "url": world.url, "headers": {"Authorization": "Bearer TOKEN"}}
