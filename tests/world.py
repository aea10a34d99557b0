"""A real world in small: the sandbox as a process of its own, a workspace, a gateway, MCP clients over HTTP."""

import asyncio
import contextlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.types import ASGIApp

from adapters.python.pool import Hosts
from policies.approval import SignedApproval, sign_binding
from policies.principal import keyid_of
from receipts.audit.proof import write_proof
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from receipts.log.signing import load_key
from receipts.store.row import Read
from server.app import App
from server.cli.seed import SEEDED, seed_agent
from server.gateway_process import running
from server.listener.http_server import listen, serving
from server.workspace.free_port import free_port
from server.workspace.settings.file import FILE
from server.workspace.stores import reading
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.forks import Forked
from tests.log_lines import check_lines, heard
from tests.slowness import scaled, scaled_duration
from tests.statements import check_statements
from tests.web import blocking_web, web

T = TypeVar("T")
MARIA = {"user_id": "00u1maria0001", "ticket": "4711", "reason": "the phone was stolen, see the ticket"}
LEO = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "a new phone, see the ticket"}
NOBODY_ENROLLED = {"user_id": "00u4none00001", "ticket": "4715", "reason": "a new phone, see the ticket"}
COMMAND = [sys.executable, "-P", "-c", "from server.cli.main import main; main()"]
ROOT = Path(__file__).resolve().parent.parent


class Sandbox:
    """The twins, as a process on a free port, ended by its own process id."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            [*COMMAND, "sandbox", "--port", str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("sandbox ")
        self._client = blocking_web(base_url=f"http://127.0.0.1:{self.port}/_sandbox")
        self._pristine = self.state()

    def reset(self) -> None:
        self._client.put("/state", json=self._pristine)
        self._client.delete("/faults")
        self._client.delete("/log")
        self._client.delete("/oncall")

    def notices(self) -> list[dict[str, Any]]:
        return list(self._client.get("/oncall").json())

    def state(self) -> Any:
        return self._client.get("/state").json()

    def put(self, state: Any) -> None:
        self._client.put("/state", json=state)

    def fault(self, kind: str, match: str = "reset_factors", system: str = "okta", **more: Any) -> None:
        answer = self._client.post("/faults", json={"system": system, "match": match, "fault": kind, **more})
        assert answer.status_code == 201, answer.text

    def heal(self) -> None:
        """No fault any more."""
        self._client.delete("/faults")

    def log(self, match: str = "") -> list[dict[str, Any]]:
        return [entry for entry in self._client.get("/log").json() if match in entry["path"]]

    def effects(self, match: str = "") -> int:
        return sum(entry["effect"] for entry in self.log(match))

    def writes(self, match: str = "") -> int:
        return sum(entry["method"] != "GET" for entry in self.log(match))

    def factors(self, user: str = MARIA["user_id"]) -> list[str]:
        return [f["id"] for f in self.state()["acme"]["okta"]["factors"][user]]

    def close(self) -> None:
        self._client.close()
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()


def make_workspace(
    folder: Path,
    sandbox: Sandbox,
    *,
    timeout: str = "1s",
    settle: str = "500ms",
    extra: str = "",
    template: str = "everything",
    database: str = "",
    init: Callable[[Path, str], None] = init_sandbox,
) -> Workspace:
    """A workspace like `ailyus init` (of this version, if no other is given) writes it, on this sandbox, with short times."""
    init(folder, template)
    path = folder / FILE
    text = path.read_text()
    own = Workspace.open(folder).settings.sandbox
    assert own is not None
    text = text.replace(str(own.port), str(sandbox.port)).replace(f"[sandbox]\nport = {sandbox.port}\n", "")
    short = f'principal = "ailyus-writer"\nmax_timeout = "{scaled_duration(timeout)}"\nmax_settle = "{scaled_duration(settle)}"'
    path.write_text(text.replace('principal = "ailyus-writer"', short) + extra)
    if database:
        (folder / ".ailyus" / "secrets" / "store").write_text(database + "\n")
        path.write_text(path.read_text() + '\n[store]\nurl = "file:.ailyus/secrets/store"\n')
    return Workspace.open(folder)


def unbounded(workspace: Workspace) -> Workspace:
    """The same, with no bound on how fast one agent may ask: for measuring how fast the gateway is."""
    path = workspace.root / FILE
    text, changed = re.subn(r"(\[server\]\nport = \d+\n)", r"\1rate = 0\n", path.read_text())
    assert changed == 1
    path.write_text(text)
    return Workspace.open(workspace.root)


def with_server(workspace: Workspace, lines: str, more: str = "") -> Workspace:
    """The same, with these lines under [server], and with more behind everything."""
    path = workspace.root / FILE
    text, changed = re.subn(
        r"(\[server\]\nport = \d+\n)", lambda found: f"{found[1]}{lines.strip()}\n", path.read_text()
    )
    assert changed == 1
    path.write_text(f"{text}\n{more}")
    return Workspace.open(workspace.root)


class SharedClient:
    """A client for many calls, opened and closed by a task of its own, as the library's scopes ask for."""

    def __init__(self, client: AbstractAsyncContextManager[Client]) -> None:
        self._opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self._run(client))

    async def _run(self, client: AbstractAsyncContextManager[Client]) -> None:
        try:
            async with client as opened:
                self._opened.set_result(opened)
                await self._end.wait()
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    async def opened(self) -> Client:
        """The client, once it is there."""
        return await asyncio.shield(self._opened)

    async def aclose(self) -> None:
        """End it, and wait for that."""
        self._end.set()
        await self._task


@dataclass
class World:
    """One running gateway and what tests do with it."""

    app: App
    sandbox: Sandbox
    url: str
    token: str
    tls: ssl.SSLContext | None = None
    """What its clients trust, where it is reached by HTTPS."""
    _clients: dict[tuple[str, str], SharedClient] = field(default_factory=dict)
    _opened: list[SharedClient] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return self.app.workspace

    @asynccontextmanager
    async def client(self, mode: str = "auto", token: str | None = None) -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {token or self.token}"}
        trusting = {"verify": self.tls} if self.tls is not None else {}
        async with (
            web(headers=headers, timeout=60.0, **trusting) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield client

    async def call(self, tool: str, arguments: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
        """One call, by a client that the calls of one token share while the release is the same."""
        key = token or self.token, self.app.runner.live.release.digest
        shared = self._clients.get(key)
        if shared is None:
            shared = self._clients[key] = SharedClient(self.client(token=token))
            self._opened.append(shared)
        try:
            result = await (await shared.opened()).call_tool(tool, dict(arguments))
        except Exception:
            # other calls may be out by it, so it is only given to nobody else
            if self._clients.get(key) is shared:
                del self._clients[key]
            raise
        return dict(result.structured_content or {})

    async def aclose(self) -> None:
        """Close the clients of its calls."""
        for shared in self._opened:
            await shared.aclose()

    async def get(self, action: str, wait: int = 30) -> dict[str, Any]:
        return await self.call("get_action", {"action_id": action, "wait_seconds": wait})

    async def sign(
        self, action: str, person: str = "lead", verdict: str = "approve", role: str = "SecurityLead"
    ) -> SignedApproval:
        binding, asked = await self.app.inbox.binding(action, person, role, verdict, "")
        assert asked.display.digest == binding.subject.display_digest
        key = load_key(self.workspace.key_file(person))
        return sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw()))

    async def approve(self, action: str, person: str = "lead") -> str:
        return await self.app.inbox.decide(await self.sign(action, person))

    async def reset(self, arguments: Mapping[str, Any] = MARIA) -> dict[str, Any]:
        """Ask, approve, and wait for the end."""
        answer = await self.call("reset_user_mfa", arguments)
        assert answer["status"] == "approval_required", answer
        await self.approve(answer["action_id"])
        return await self.get(answer["action_id"])

    async def approved(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call, approve if people are asked, and wait for the end."""
        answer = await self.call(tool, arguments)
        if answer["status"] == "approval_required":
            await self.approve(answer["action_id"])
        while answer["status"] in ("approval_required", "running"):
            answer = await self.get(answer["action_id"], 45)
        return answer

    def proof(self, receipt: str) -> Any:
        """The offline proof of a receipt, verified with the workspace's roots."""
        data = self._reading(lambda read: write_proof(read, receipt, None, disclose=True).encoded())
        return verify(data, read_roots(self.workspace.root / "roots.json"))

    def rows(self, sql: str, *params: Any) -> list[Any]:
        return self._reading(lambda read: read(sql, *params))

    def _reading(self, work: Callable[[Read], T]) -> T:
        def run() -> T:
            with reading(self.workspace) as read:
                return work(read)

        with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
            return pool.submit(run).result()


@asynccontextmanager
async def gateway(
    workspace: Workspace, sandbox: Sandbox, hosts: Hosts | None = None, port: int = 0
) -> AsyncIterator[World]:
    """A gateway in this process, served over real HTTP on a free port."""
    app = App(workspace, workspace.release(), hosts)
    with heard() as lines:
        async with running(app, port) as url:
            await seed_agent(app)
            token = ""
            with contextlib.suppress(FileNotFoundError):
                token = workspace.token_file(SEEDED).read_text().strip()
            world = World(app, sandbox, url, token)
            try:
                yield world
            finally:
                await world.aclose()
    check_lines(workspace, lines)
    if app.workspace.store.exists():
        world._reading(lambda read: check_statements(read, app.store.keys))


class Served:
    """`ailyus serve` as a process of its own, so that it can be killed."""

    options: tuple[str, ...] = ()

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.process: Forked | None = None

    def launch(self) -> None:
        """Start the process."""
        with (self.workspace.private / "serve.log").open("ab") as log:
            self.process = Forked(("serve", "-w", str(self.workspace.root), *self.options), ROOT, log, log)

    def start(self) -> str:
        """Start it, and wait until it serves; its address."""
        self.launch()
        assert self.process is not None
        end = time.monotonic() + scaled(20)
        while time.monotonic() < end:
            owner = self.owner()
            if owner and owner["pid"] == self.process.pid:
                return str(owner["url"])
            assert self.process.poll() is None, (self.workspace.private / "serve.log").read_text()
            time.sleep(0.02)
        raise AssertionError("the gateway did not start")

    def token(self, agent: str = SEEDED) -> str:
        """The seeded agent's token, which is written just after the gateway answers."""
        path = self.workspace.token_file(agent)
        for _ in range(500):
            if path.exists() and (text := path.read_text().strip()):
                return text
            time.sleep(0.02)
        raise AssertionError("no agent was seeded")

    def owner(self) -> dict[str, Any] | None:
        import orjson

        for file in self.workspace.owner_files():
            with contextlib.suppress(OSError, orjson.JSONDecodeError):
                found: dict[str, Any] = orjson.loads(file.read_bytes())
                if self.process and found["pid"] == self.process.pid:
                    return found
        return None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=scaled(20))


def cli(
    *arguments: str, cwd: Path | None = None, ok: bool | None = True, environment: Mapping[str, str] = os.environ
) -> str:
    """One run of the command line, in a process of its own: a fork of one that has imported everything once."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = Forked(arguments, cwd or Path.cwd(), out, err, environment).wait(900)
        said = b"".join(file.read() for file in (out, err) if not file.seek(0)).decode()
    assert ok is None or (code == 0) is ok, said
    return said


async def ailyus(world: World, *arguments: str, ok: bool = True) -> str:
    """One command at the workspace of a gateway in this process."""
    return await asyncio.to_thread(cli, *arguments, cwd=world.workspace.root, ok=ok)


async def warmed() -> None:
    """Run a command once: the first of a process waits until everything is imported, and a plan would not."""
    await asyncio.to_thread(cli, "--help")


async def nobody(*_: object) -> list[object]:
    """In place of whoever would carry an action on."""
    return []


@asynccontextmanager
async def app_serving(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """Any application over real HTTP, in this process."""
    async with serving(app, [listen("127.0.0.1", port)], "off", grace=0.0):
        yield


RECORDS = """
[connections.records]
kind = "records"
base_url = "http://127.0.0.1:{port}/acme/records"
tenant = "acme"
environment = "staging"
read = "file:.ailyus/secrets/records-read"
write = "file:.ailyus/secrets/records-write"
direct = true
max_timeout = "{timeout}"
max_settle = "{settle}"

[escalations.records-oncall]
webhook = "http://127.0.0.1:{port}/_sandbox/oncall"
next = "security-oncall"
after = "1s"
"""


def records_settings(sandbox: Sandbox, timeout: str = "1s") -> str:
    """The connection and the escalation of the plain REST store, with times that this machine can keep."""
    return RECORDS.format(port=sandbox.port, timeout=scaled_duration(timeout), settle=scaled_duration("300ms"))


def add_record_contracts(folder: Path) -> None:
    """The contracts of tests/vectors/records, and a policy that permits them."""
    shutil.copytree(ROOT / "tests" / "vectors" / "records", folder / "contracts" / "records")
    policy = '@id("support-may-use-records")\npermit (principal in Role::"Support", action in Action::"tag_records", resource);\n'
    (folder / "policies" / "records.cedar").write_text(policy)


def add_records(
    folder: Path,
    sandbox: Sandbox,
    database: str = "",
    timeout: str = "1s",
    init: Callable[[Path, str], None] = init_sandbox,
) -> Workspace:
    """A workspace with the contracts of tests/vectors/records beside the usual ones; a send may take this long."""
    extra = records_settings(sandbox, timeout)
    workspace = make_workspace(folder, sandbox, extra=extra, database=database, init=init)
    add_record_contracts(folder)
    for use in ("read", "write"):
        (folder / ".ailyus" / "secrets" / f"records-{use}").write_text(f"records-{use}-acme\n")
    return workspace
