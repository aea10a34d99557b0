"""The composition root: opens the store, releases what the files say, serves agents and the command line.

`App` makes every part of one gateway over one workspace and gives each what it needs; `running` serves it on 127.0.0.1
and on the Unix socket of the command line. `ailyus serve`, the demo and rehearsals start it. It holds no rule about
actions: the release decides, and what was done stands in the journal. `replace` swaps the live release, and what
is on its way ends under the former one.

- Only a release that `accept` took MUST become live; the policy tests of one that is governed and new MUST pass before
  (invariant 8).
- The statement of a release MUST be committed together with its activation.
- Agents MUST stop being served before the Unix socket does, so that whoever may halt goes last.
- The file of trusted roots MUST NOT be overwritten.
"""

import asyncio
import contextlib
import gc
import glob
import importlib.metadata
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import structlog

from adapters.browser.account_session import BrowserSessions
from adapters.browser.adapter import BrowserAdapter
from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from adapters.credentials import Credentials
from adapters.http.adapter import HttpAdapter
from adapters.mcp.adapter import McpAdapter
from adapters.mcp.pool import Servers
from adapters.python.adapter import PythonAdapter
from adapters.python.pool import Hosts
from adapters.router import Systems
from contracts.canonical import canonical, new_id
from contracts.errors import AilyusError
from policies.bundle import ENGINE
from policies.release import Release
from policies.signed_release import SignedRelease
from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.statement import releases
from receipts.statement.gateway_facts import ReleaseFacts
from receipts.store.transaction import Conflict
from server.actions.live_release import LiveRelease
from server.actions.recovery import RecoveryLoop
from server.actions.runner import ActionRunner
from server.admin.api import AdminApi
from server.approvals.inbox import Inbox
from server.approvals.keys import NewKey, link_key, link_new
from server.console.console import Console
from server.execution.fair_limiter import FairLimiter
from server.http_server import listen, serving
from server.identity.access_tokens import Tokens
from server.identity.agents import Agents
from server.mcp.gateway import Gateway
from server.observability import tracing
from server.observability.logs import configure
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.escalations import Escalations, Way
from server.operations.resolutions import Aftercare
from server.workspace.log_key import ROOTS, check_roots, open_log_key
from server.workspace.release_acceptance import accept, releasers_of
from server.workspace.release_files import run_tests_of, sources_of
from server.workspace.releases import adopted
from server.workspace.stores import open_store
from server.workspace.widening import CONNECTIONS, connections_of
from server.workspace.workspace import Workspace

log = structlog.get_logger()
_SANDBOX_TRIES = 5
_LOOK_AGAIN_SECONDS = 2.0
VERSION = importlib.metadata.version("ailyus")


class App:
    """One running gateway over one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        release: Release,
        hosts: Hosts | None = None,
        signed: SignedRelease | None = None,
        sources: Mapping[str, bytes] | None = None,
    ) -> None:
        configure()
        telemetry = workspace.settings.telemetry
        self._end_tracing = tracing.export(telemetry) if telemetry else None
        self.workspace = workspace
        self._signed = signed
        self._sources = sources
        self.signer = Signer(open_log_key(workspace))
        check_roots(workspace, workspace.settings.origin, self.signer.keyid, self.signer.public)
        self.store = open_store(workspace, self.signer)
        waiting = workspace.settings.approvals
        pending = (waiting.pending_per_agent, waiting.pending_per_tenant)
        self.journal = Journal(self.store, self.signer, pending=pending)
        browser = workspace.settings.browser
        self.browser = Chromium(BrowserSettings(browser.path, browser.user, browser.sandbox, browser.pages))
        self._sessions = BrowserSessions(self.browser)
        self.servers = Servers(workspace.root)
        self.hosts = hosts or Hosts(workspace.root)
        self._limiter = FairLimiter()
        self._retiring: set[asyncio.Task[None]] = set()
        self._look_again = 0.0
        oauth = workspace.settings.oauth
        self.tokens = Tokens(oauth) if oauth else None
        self.agents = Agents(self.journal, lambda: self.runner.release, self.tokens)
        self.runner = ActionRunner(self.journal, self._under(release))
        self.inbox = Inbox(self.runner, lambda action: self.driver.resume(action))
        self.aftercare = Aftercare(self.runner)
        ways = {n: Way(e.webhook, e.next, e.after, e.secret) for n, e in workspace.settings.escalations.items()}
        credentials = Credentials(workspace.root)
        self.oncall = Escalations(self.runner, ways, credentials)
        self.notices = ApprovalNotifications(
            self.inbox, workspace.settings.notices, credentials, lambda: self.console.origin
        )
        chores = (self._take_live, self.aftercare.recheck_due, self.oncall.sweep, self.notices.sweep)
        self.driver = RecoveryLoop(self.runner, self.inbox.expire, chores)
        self.gateway = Gateway(
            self.runner,
            self.agents,
            self.inbox,
            lambda: self.console.origin,
            VERSION,
            workspace.settings.origin,
        )
        parts = (self.inbox, self.agents, self.aftercare, self.oncall)
        settings = workspace.settings.console
        self.console = Console(self.runner, *parts, self.notices, settings, credentials, workspace.root)
        self.api = AdminApi(self.runner, *parts, self.console.introduce)

    def systems(self, release: Release) -> Systems:
        """Every way to the targets of a release."""
        reach = (release, self.journal, self.workspace.root, self.store.now_ms)
        mcp = McpAdapter(release, self.journal, self.store.now_ms, self.servers)
        python = PythonAdapter(release, self.journal, self.store.now_ms, self.hosts)
        http = HttpAdapter(*reach, tracing.outgoing)
        return Systems(release, http, BrowserAdapter(*reach, self._sessions), mcp, python)

    def _under(self, release: Release) -> LiveRelease:
        return LiveRelease.of(self.journal, release, self.systems(release), self.agents.current, self._limiter)

    async def start(self) -> None:
        """Activate the release, link the workspace's seeded keys, take over what a dead owner left."""
        await self.journal.load()
        await self.journal.follow()
        await self._activate(self.runner.release, self._signed, self._sources)
        self.servers.warm(self.runner.release.targets.values())
        await self.agents.adopt()
        await self._link_seeded_keys()
        self._write_roots()
        await self.driver.start()

    async def replace(self, release: Release) -> None:
        """Swap the live release as a whole (`--dev`); the old adapter serves what is on its way."""
        if release.digest == self.runner.release.digest:
            return
        await self._activate(release)
        self._swap(release)

    async def _take_live(self) -> None:
        """Another replica has released something: this one's files hold it too, or it serves nobody until they do."""
        live, mine = self.journal.controls.live, self.runner.release
        if not self.store.shared or live == mine.digest or time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + _LOOK_AGAIN_SECONDS
        dev = mine.author is not None and not mine.governed
        fresh = await asyncio.to_thread(lambda: Workspace.open(self.workspace.root).release(mine.author, dev=dev))
        last = await self.journal.registry.newest()
        if last is not None and last.digest == fresh.digest:
            fresh = adopted(fresh, last)
        if fresh.digest != live:
            hint = "give this replica the files of the live release, or start one that releases these"
            log.warning("another_release", live=live[:8], files=fresh.digest[:8], hint=hint)
            return
        await self.journal.registry.follow(live)
        self._swap(fresh)

    def _swap(self, release: Release) -> None:
        former = self.runner.replace(self._under(release))
        telling = asyncio.create_task(self.gateway.tools_changed())
        self._retiring.add(telling)
        telling.add_done_callback(self._retiring.discard)
        task = asyncio.create_task(self.runner.retire(former))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def stop(self) -> None:
        """Let actions and journal finish, then give everything up."""
        await self.driver.stop()
        await self.oncall.close()
        await self.notices.close()
        if self.tokens is not None:
            await self.tokens.issuer.close()
        await asyncio.gather(*self._retiring, self.runner.retire(self.runner.live))
        await self.browser.close()
        await self.servers.close()
        await self.hosts.close()
        await self.store.aclose()
        if self._end_tracing is not None:
            await asyncio.to_thread(self._end_tracing)

    async def _activate(
        self, release: Release, signed: SignedRelease | None = None, sources: Mapping[str, bytes] | None = None
    ) -> None:
        accepted = await accept(self.journal, release, signed)
        if sources is None:
            sources = await asyncio.to_thread(sources_of, self.workspace.root)
        if release.governed and not accepted.again:  # guard: tests of a release
            await asyncio.to_thread(run_tests_of, release, sources)
        notary, at = self.journal.notary, self.store.now_ms()
        tenants = sorted(
            {t.tenant for t in release.targets.values()} | {p.tenant for p in release.people.by_name.values()}
        )
        programs = release.catalog.programs.values()
        facts = ReleaseFacts(
            release=release.digest,
            author=release.author,
            governed=release.governed,
            contracts={p.name: await self._label(p.name, p.contract.version, p.digest) for p in programs},
            policies=release.decider.bundle.digest,
            schema_=release.decider.bundle.schema_digest,
            engine=ENGINE,
        )
        if signed is not None:
            word = signed.document
            facts = facts.also({"keyid": signed.keyid, "signed": word.digest, "reason": word.reason})
        evidence = {
            f"contract/{p.name}": canonical(p.contract.model_dump(mode="json", by_alias=True)) for p in programs
        }
        evidence |= {
            f"plan/{p.name}": canonical(p.plan.model_dump(mode="json", by_alias=True))
            for p in release.catalog.plans.values()
        }
        evidence |= {f"policy/{name}": text.encode() for name, text in release.decider.bundle.texts.items()}
        evidence[CONNECTIONS] = connections_of(release)
        # a proof of one action opens the policies that decide on it, and nobody else's
        evidence |= {f"slice/{p.name}": release.decider.bundle.slice_document(p.name) for p in programs}
        evidence["schema"] = release.decider.bundle.schema_text.encode()
        evidence |= {releases.FILE + name: data for name, data in sources.items()}
        evidence[releases.RELEASERS] = orjson.dumps(releasers_of(release))
        if signed is not None:
            evidence[releases.SIGNED] = signed.model_dump_json().encode()
        subject, search = {"release": release.digest}, (releases.MARK, release.digest)
        sealed = notary.seal_plain(facts, new_id("rcp"), "", subject, at, evidence, search)
        versions = [(p.name, p.contract.version, p.digest) for p in programs]
        await self.journal.registry.activate(release.digest, tenants, versions, sealed, again=accepted.again)
        if accepted.key is not None:
            with contextlib.suppress(AilyusError):  # another replica was first
                await link_key(self.runner, accepted.key, "terminal")

    async def _label(self, name: str, version: int, digest: str) -> str:
        suffix = await self.journal.registry.suffix(name, version, digest)
        if suffix:
            log.warning("contract_changed", contract=name, version=version, hint="give changed content a new version")
        return f"{version}{suffix}"

    async def _link_seeded_keys(self) -> None:
        """Keys that `init` made are linked once; in other workspaces people enrol theirs."""
        known = await self.journal.registry.keys()
        for path in sorted((self.workspace.private / "keys").glob("*.pub")):
            seeded = NewKey.model_validate_json(path.read_bytes())
            public = bytes.fromhex(seeded.public)
            if self.workspace.settings.development and not any(k.public == public for k in known.values()):
                with contextlib.suppress(Conflict):  # another replica was first
                    await link_new(self.runner, seeded)

    def _write_roots(self) -> None:
        """What a verifier needs to trust, to be handed over by another way than the receipts; never overwritten."""
        roots = {"origin": self.store.origin, "keys": {self.signer.keyid: self.signer.public.hex()}}
        path = self.workspace.root / ROOTS
        if path.exists():
            return
        whole = path.with_name(f".{ROOTS}.{os.getpid()}")  # a half one would be refused for ever
        whole.write_bytes(orjson.dumps(roots, option=orjson.OPT_INDENT_2) + b"\n")
        with contextlib.suppress(FileExistsError):  # another replica was first
            os.link(whole, path)
        whole.unlink()


@asynccontextmanager
async def running(app: App, port: int) -> AsyncIterator[str]:
    """Serve the gateway on 127.0.0.1 and the local door on a Unix socket; yields the MCP address."""
    host = app.workspace.settings.server.host
    listener = listen(host, port)
    port = listener.getsockname()[1]
    try:
        await app.start()
        door, path = _door(app.workspace.private)
    except BaseException:
        listener.close()
        await app.stop()
        raise
    front = app.gateway.app(port, app.console.app(port), app.workspace.settings.server)
    url = f"http://{host}:{port}/mcp"
    # replicas may share a folder, the owner of a file is alone in it
    owner = app.workspace.private / f"owner-{os.getpid()}.json" if app.store.shared else app.workspace.owner_file
    try:
        async with serving(app.api.app(), door), serving(front, listener):  # agents go first, and whoever may halt last
            _announce(owner, url, path)
            try:
                yield url
            finally:
                await app.console.close()
                app.gateway.close()
                front.close()
    finally:
        await app.stop()
        owner.unlink(missing_ok=True)
        _close_door(path, app.workspace.private)


DOOR = "door-"
MAX_DOOR = 100
"""Bytes of a socket's path: the system allows no more than 107."""


def _door(private: Path) -> tuple[socket.socket, Path]:
    """The local door: a socket in the workspace, or where its path is too long in a folder of its own.

    Raises `AilyusError` where the system allows no socket there.
    """
    clear_doors(private)
    path = private / f"{DOOR}{os.getpid()}-{secrets.token_hex(4)}.sock"
    folder = private if len(os.fsencode(path)) <= MAX_DOOR else Path(tempfile.gettempdir())
    door = socket.socket(socket.AF_UNIX)
    try:
        if folder != private:
            path = Path(tempfile.mkdtemp(prefix=f"ailyus-{DOOR}", dir=folder)) / path.name
        door.bind(str(path))
        os.chmod(path, 0o600)
        door.listen()  # at once: another gateway that starts takes a socket at which nobody listens for a killed one's
    except OSError as error:
        door.close()
        hint = "give the workspace a folder on a local disk, or set TMPDIR to a folder that can be written"
        why = (error.strerror or "no reason given").lower()
        raise AilyusError("bad_settings", f"there can be no socket in `{folder}`: {why}", hint=hint) from None
    return door, path


def clear_doors(private: Path) -> None:
    """Remove what gateways that were killed left: sockets of ours at which nobody listens, of processes that ended."""
    # `glob` and not `Path.glob`, which raises when another gateway removes its folder meanwhile
    elsewhere = glob.iglob(f"ailyus-{DOOR}*/*.sock", root_dir=tempfile.gettempdir())
    for path in (*private.glob(f"{DOOR}*.sock"), *(Path(tempfile.gettempdir()) / name for name in elsewhere)):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            if path.lstat().st_uid != os.geteuid() or _is_running(path):
                continue
            probe.settimeout(1.0)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                _close_door(path, private)


def _is_running(path: Path) -> bool:
    """Is the process that a socket's name tells of there? One that is just starting or stopping does not listen."""
    number = path.name.removeprefix(DOOR).partition("-")[0]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _close_door(path: Path, private: Path) -> None:
    path.unlink(missing_ok=True)
    if path.parent != private:
        with contextlib.suppress(FileNotFoundError):
            path.parent.rmdir()


def _announce(file_: Path, url: str, door: Path) -> None:
    content = orjson.dumps({"pid": os.getpid(), "url": url, "door": str(door)})
    temporary = file_.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.replace(temporary, file_)


def start_sandbox(port: int, state: Path | None) -> "subprocess.Popen[str]":
    """Start the local twins as a process that ends when this one does."""
    command = [sys.executable, "-P", "-c", "from server.cli.main import main; main()", "sandbox", "--port", str(port)]
    command += ["--state", str(state)] if state else []
    for _ in range(_SANDBOX_TRIES):  # the sandbox of a gateway that was killed may still be on its way out
        process = subprocess.Popen(  # noqa: S603 - ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = process.stdout.readline() if process.stdout else ""
        if line.startswith("sandbox "):
            return process
        process.kill()
        process.wait()
        time.sleep(0.3)
    raise AilyusError("bad_settings", f"the sandbox does not start on port {port}", hint="end what uses the port")


def answers_on(port: int) -> bool:
    """Does something listen on this port of 127.0.0.1?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settle_collector() -> None:
    """For a process that only serves: what is loaded stays for life, and garbage in cycles is rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
